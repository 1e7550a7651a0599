"""How large things are: total, largest and quantiles of counts, gathered piece by piece in any order."""

from typing import Any

import numpy as np

QUANTILES = (0.5, 0.9, 0.99, 0.999)
# Larger counts are told apart by as many leading bits.
_BITS = 8


class SizeHistogram:
    """Counts of non-negative integers. Can be pickled and merged; the result does not depend on how they were cut.

    Totals and the largest are exact, and so are quantiles below 256; larger ones are rounded up by less than 1/128.
    Memory does not grow with the number of integers.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.largest = 0
        self._counts: dict[int, int] = {}

    def add(self, sizes: np.ndarray) -> None:
        """Takes in `sizes [num_sizes]`."""
        if not len(sizes):
            return
        self.count += len(sizes)
        self.total += int(sizes.sum())
        self.largest = max(self.largest, int(sizes.max()))
        values, counts = np.unique(_rounded_up(sizes), return_counts=True)
        self._take(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: "SizeHistogram") -> None:
        """Takes in all that `other` took in."""
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)
        self._take(other._counts)

    def quantile(self, share: float) -> int:
        """The smallest size that at least `share` of all sizes don't exceed; 0 where there are none."""
        reached = 0
        for value, count in sorted(self._counts.items()):
            reached += count
            if reached >= share * self.count:
                return min(value, self.largest)
        return 0

    def to_json(self) -> dict[str, Any]:
        """Total, largest, and quantiles by their share."""
        quantiles = {f"{share:g}": self.quantile(share) for share in QUANTILES}
        return {"total": self.total, "largest": self.largest, "quantiles": quantiles}

    def _take(self, counts: dict[int, int]) -> None:
        for value, count in counts.items():
            self._counts[value] = self._counts.get(value, 0) + count


def _rounded_up(sizes: np.ndarray) -> np.ndarray:
    """The largest integers that have the leading bits of `sizes`."""
    _, bits = np.frexp(sizes.astype(np.float64))
    rest = (np.int64(1) << np.maximum(bits - _BITS, 0).astype(np.int64)) - 1
    return sizes | rest
