"""Columns in memory that grow at their ends."""

from collections.abc import Mapping

import numpy as np


class GrowingColumns:
    """Columns of equal length by name, of given dtypes; room is doubled, so that growing costs little."""

    def __init__(self, dtypes: Mapping[str, type]) -> None:
        self._columns = {name: np.zeros(16, dtype) for name, dtype in dtypes.items()}
        self.size = 0

    def __getitem__(self, name: str) -> np.ndarray:
        """A column, with room behind its end."""
        return self._columns[name]

    def grow(self, count: int) -> int:
        """Makes the columns `count` longer; returns where the new part begins, which holds zeros."""
        first = self.size
        self.size += count
        for name, column in self._columns.items():
            if len(column) < self.size:
                grown = np.zeros(max(self.size, 2 * len(column)), column.dtype)
                grown[: len(column)] = column
                self._columns[name] = grown
        return first
