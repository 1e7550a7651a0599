"""The times at which derived edges are made anew: multiples of an interval."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from tfgrec.errors import ConfigurationError
from tfgrec.graph.store.adjacency import Adjacency

_MOST = 4_096


@dataclasses.dataclass(frozen=True)
class Snapshots:
    """Times are milliseconds. Snapshot number n is at time n * interval and knows what happened strictly before it.

    There are those from `first` to `last`; none where `last` is less.
    """

    interval: int
    first: int
    last: int

    @classmethod
    def spanning(cls, base: Iterable[Adjacency], interval: int, where: str) -> "Snapshots":
        """All from the first one after the oldest edge to the first one after the newest; `where` is named in errors.

        Raises:
          ConfigurationError: they are too many: the interval is short, or an edge has a wrong time.
        """
        spans = [span for span in (adjacency.time_span() for adjacency in base) if span is not None]
        if not spans:
            return cls(interval, 0, -1)
        oldest, newest = min(span[0] for span in spans), max(span[1] for span in spans)
        found = cls(interval, oldest // interval + 1, newest // interval + 1)
        if found.last - found.first >= _MOST:
            raise ConfigurationError(
                f"{where}: every {interval / 1_000:g} s from the oldest edge (time {oldest}) to the newest ({newest}) "
                f"makes {found.last - found.first + 1:,} snapshots, at most {_MOST:,} are allowed: choose a longer "
                "interval, or mend the rows with these times"
            )
        return found

    @property
    def count(self) -> int:
        """How many there are."""
        return max(self.last - self.first + 1, 0)

    def first_after(self, times: np.ndarray) -> np.ndarray:
        """The number, int64, of the first one that knows of an event at each of `times`."""
        return times // self.interval + 1

    def times(self, numbers: np.ndarray) -> np.ndarray:
        """The times of snapshots."""
        return numbers * self.interval
