"""Sums of an edge set's numbers where some rows have edges that came after the store was built."""

import numpy as np

from tfgrec.graph.log.overlaid_adjacency import OverlaidAdjacency
from tfgrec.graph.store.edge_sums import EdgeSums

_MOST_ROWS = 4_096


class OverlaidSums:
    """Like EdgeSums: digit by digit the sums of a store that was built with all of the edges.

    The sums of a row that got edges are made anew when it is asked for and has changed: that reads the row once.
    """

    def __init__(self, base: EdgeSums, edges: OverlaidAdjacency, feature: str) -> None:
        self._base, self._edges, self._feature = base, edges, feature
        self._of_rows: dict[int, tuple[int, EdgeSums]] = {}

    def of_runs(self, rows: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Sums, float64 `[num_runs]`, of the edges at `[start, end)`; `rows` are the first positions of their rows."""
        own = self._edges.is_own(rows)
        if not own.any():
            return self._base.of_runs(rows, start, end)
        sums = np.zeros(len(rows))
        sums[~own] = self._base.of_runs(rows[~own], start[~own], end[~own])
        for place in np.flatnonzero(own).tolist():
            first, run = self._edges.own_row(int(rows[place]))[0], np.zeros(1, np.int64)
            of_row = self._of_row(int(rows[place]))
            sums[place] = of_row.of_runs(run, start[place : place + 1] - first, end[place : place + 1] - first)[0]
        return sums

    def _of_row(self, position: int) -> EdgeSums:
        first, length = self._edges.own_row(position)
        known = self._of_rows.get(first)
        # A row only ever grows: of the same length, it is the same.
        if known is None or known[0] != length:
            if len(self._of_rows) >= _MOST_ROWS:
                self._of_rows.clear()
            known = length, EdgeSums(_OneRow(self._edges, first, length), self._feature)
            self._of_rows[first] = known
        return known[1]


class _OneRow:
    """One row as an edge set of its own, whose edges are at 0 and on: what EdgeSums asks of an Adjacency."""

    def __init__(self, edges: OverlaidAdjacency, first: int, length: int) -> None:
        self._edges, self._first, self.num_edges = edges, first, length

    def rows_of_at_least(self, num_edges: int) -> tuple[np.ndarray, np.ndarray]:
        long = self.num_edges >= num_edges
        return np.zeros(int(long), np.int64), np.full(int(long), self.num_edges)

    def numbers(self, name: str, positions: np.ndarray) -> np.ndarray:
        return self._edges.numbers(name, self._first + positions)
