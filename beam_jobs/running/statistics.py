"""Statistics, merged by Beam from the pieces that the workers gather."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import apache_beam as beam

from beam_jobs.running.facts import Fact

STATISTICS = "statistics"
SAMPLING = "sampling"


class Accumulator(Protocol):
    """What takes pieces in, in any order, and can be pickled."""

    def merge(self, other: Any) -> None:
        """Takes in all that `other` took in."""

    def to_json(self) -> Any:
        """Plain values."""


class MergeStatistics(beam.PTransform):
    """Accumulators of one kind -> one fact of that `kind` with the merged "values"; `new` makes an empty one."""

    def __init__(self, kind: str, new: Callable[[], Accumulator]) -> None:
        super().__init__()
        self._kind, self._new = kind, new

    def expand(self, accumulators: beam.PCollection) -> beam.PCollection:
        merged = accumulators | "merge" >> beam.CombineGlobally(_Merge(self._new))
        return merged | "as fact" >> beam.Map(_as_fact, self._kind)


class _Merge(beam.CombineFn):
    def __init__(self, new: Callable[[], Accumulator]) -> None:
        self._new = new

    def create_accumulator(self) -> Accumulator:
        return self._new()

    def add_input(self, accumulator: Accumulator, piece: Accumulator) -> Accumulator:
        accumulator.merge(piece)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Accumulator]) -> Accumulator:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: Accumulator) -> Accumulator:
        return accumulator


def _as_fact(statistics: Accumulator, kind: str) -> Fact:
    return {"kind": kind, "values": statistics.to_json()}
