"""Which rows of a batch are bad, and why: each use of a table drops the rows that are bad for it."""

import numpy as np
import pyarrow as pa


class RowChecks:
    """The bad rows of one batch, over all that the batch is used for: each with the first reason found."""

    def __init__(self, num_rows: int) -> None:
        self._num_rows = num_rows
        self._reasons: list[str] = []
        self._found = np.full(num_rows, -1, np.int32)

    def selection(self, chosen: np.ndarray | None = None) -> "RowSelection":
        """A new use of the batch: of all of its rows, or of those where `chosen [num_rows]` is true."""
        return RowSelection(self, np.ones(self._num_rows, bool) if chosen is None else chosen.copy())

    def reject(self, rows: np.ndarray, reason: str) -> None:
        """Marks the rows where `rows [num_rows]` is true as bad, unless they already are."""
        rows = rows & (self._found < 0)
        if rows.any():
            self._found[rows] = len(self._reasons)
            self._reasons.append(reason)

    def bad_rows(self) -> tuple[np.ndarray, list[str]]:
        """Positions `[num_bad_rows]` of the bad rows in the batch, and a reason for each."""
        positions = np.flatnonzero(self._found >= 0)
        return positions, [self._reasons[code] for code in self._found[positions]]


class RowSelection:
    """The rows of a batch that one use keeps.

    Attributes:
      kept: bool `[num_rows]`.
    """

    def __init__(self, checks: RowChecks, kept: np.ndarray) -> None:
        self._checks = checks
        self.kept = kept

    def reject(self, rows: np.ndarray, reason: str) -> None:
        """Drops the rows where `rows [num_rows]` is true from this use; those it kept so far count as bad."""
        self._checks.reject(rows & self.kept, reason)
        self.kept &= ~rows

    def filter(self, column: pa.Array) -> pa.Array:
        """What is kept of a column `[num_rows]`."""
        return column if self.kept.all() else column.filter(pa.array(self.kept))
