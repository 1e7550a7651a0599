"""What the first k places of a ranking hold, in which some items share a score."""

import numpy as np


class FirstPlaces:
    """Expected hits and gains of items among the first k places.

    Items that share a score may come in any order: all is expected over all orders, all equally likely, so that a model
    that gives every item one score gets what chance gives. With b items above an item and e others beside it, its place
    is uniform among b + 1, ..., b + e + 1. An item's gain is 1 / log2(1 + place) (Järvelin and Kekäläinen, TOIS 2002).

    Args:
      k: how many places, at least 1.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        # Sums of the discounts of the first n places.
        self._discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(2 + np.arange(k)))])

    def hits(self, above: np.ndarray, beside: np.ndarray) -> np.ndarray:
        """The chance of each item to be among the first k, by the items above and beside it, int64 of one shape."""
        first, last = self._places(above, beside)
        return (last - first) / (beside + 1)

    def gains(self, above: np.ndarray, beside: np.ndarray) -> np.ndarray:
        """The expected gain of each item."""
        first, last = self._places(above, beside)
        return (self._discounts[last] - self._discounts[first]) / (beside + 1)

    def ideal(self, num_wanted: np.ndarray) -> np.ndarray:
        """The gains of so many items if they came first."""
        return self._discounts[np.minimum(num_wanted, self._k)]

    def _places(self, above: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.minimum(above, self._k), np.minimum(above + beside + 1, self._k)
