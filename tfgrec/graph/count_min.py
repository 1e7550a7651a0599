"""Counts of more values than memory would hold: a Count-Min sketch (Cormode and Muthukrishnan, J. Algorithms 2005)."""

import math

import numpy as np

# 16 MB of counters, made when they are needed.
WIDTH = 1 << 19
DEPTH = 4


class CountMin:
    """Counts by hash. What it says depends on what was counted alone, in whatever order and from whatever pieces.

    No count is too low. One is too high by more than `error` with a probability of e^-`DEPTH`, which is 1.8%.
    """

    def __init__(self) -> None:
        self._counters = np.zeros((DEPTH, WIDTH), np.int64)

    def add(self, hashes: np.ndarray, counts: np.ndarray) -> None:
        """Counts values with `hashes [num_values]` (uint64) as often as `counts [num_values]` says."""
        for row, places in zip(self._counters, _places(hashes), strict=True):
            np.add.at(row, places, counts)

    def merge(self, other: "CountMin") -> None:
        """Counts all that `other` has counted."""
        self._counters += other._counters

    def estimate(self, hashes: np.ndarray) -> np.ndarray:
        """How often each value, given by its hash, was counted: int64 `[num_values]`."""
        rows = (row[places] for row, places in zip(self._counters, _places(hashes), strict=True))
        return np.minimum.reduce(list(rows))

    @property
    def error(self) -> int:
        """e times the count of all values, over `WIDTH`."""
        return math.ceil(math.e * int(self._counters[0].sum()) / self._counters.shape[1])


def _places(hashes: np.ndarray) -> list[np.ndarray]:
    """A place in each row, by two halves of a hash (Kirsch and Mitzenmacher, 2008)."""
    low, high = hashes & np.uint64(0xFFFFFFFF), hashes >> np.uint64(32)
    return [((low + np.uint64(row) * high) % np.uint64(WIDTH)).astype(np.intp) for row in range(DEPTH)]
