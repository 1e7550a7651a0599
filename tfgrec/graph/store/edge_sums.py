"""Sums of one number over runs of edges, without reading every edge of a long run."""

import numpy as np

from tfgrec.graph.store.adjacency import Adjacency
from tfgrec.graph.store.ranges import CHUNK, flat, whole_chunks

# Rows of fewer edges have no blocks. Smaller blocks cost more memory, larger ones more edges to read at a run's ends.
BLOCK = 64


class EdgeSums:
    """Sums of a feature over edges that lie side by side in one row of an edge set, in O(log n) each.

    Level j holds the sums of the whole blocks of `BLOCK * 2**j` edges of each row, counted from the row's first edge:
    16 bytes in memory for every 64 edges in all. Nothing is subtracted, so that large numbers elsewhere in a row cost
    no digits, and a sum depends on its row alone: not on the shards, nor on what else is asked. Making one reads the
    rows that have blocks once.
    """

    def __init__(self, edges: Adjacency, feature: str) -> None:
        self._edges, self._feature = edges, feature
        rows, ends = edges.rows_of_at_least(BLOCK)
        self._levels: list[np.ndarray] = []
        size = BLOCK
        while len(rows):
            self._levels.append(self._level(rows, ends, size))
            size *= 2
            long = ends - rows >= size
            rows, ends = rows[long], ends[long]

    def of_runs(self, rows: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Sums, float64 `[num_runs]`, of the edges at `[start, end)`; `rows` are the first positions of their rows."""
        first, last = -(-(start - rows) // BLOCK), (end - rows) // BLOCK
        whole = first < last
        # Up to the first whole block, and from the last one on; without one, the run itself.
        sums = self._edge_by_edge(start, np.where(whole, rows + first * BLOCK, end))
        chosen = np.flatnonzero(whole)
        sums[chosen] += self._of_blocks(rows[chosen], first[chosen], last[chosen])
        sums[chosen] += self._edge_by_edge(rows[chosen] + last[chosen] * BLOCK, end[chosen])
        return sums

    def _of_blocks(self, rows: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Sums of the smallest blocks `[first, last)` of rows: at most two of every level."""
        sums = np.zeros(len(rows))
        for level, blocks in enumerate(self._levels):
            places = rows // (BLOCK << level)
            odd = np.flatnonzero((first < last) & (first & 1 == 1))
            sums[odd] += blocks[places[odd] + first[odd]]
            first = (first + 1) >> 1
            odd = np.flatnonzero((first * 2 < last) & (last & 1 == 1))
            sums[odd] += blocks[places[odd] + last[odd] - 1]
            last = last >> 1
        return sums

    def _edge_by_edge(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        sums = np.zeros(len(start))
        for chosen in whole_chunks(end - start, CHUNK):
            runs, positions = flat(start[chosen], end[chosen])
            values = self._edges.numbers(self._feature, positions)
            sums[chosen] = np.bincount(runs, weights=values, minlength=chosen.stop - chosen.start)
        return sums

    def _level(self, rows: np.ndarray, ends: np.ndarray, size: int) -> np.ndarray:
        """A level's blocks; those of a row begin at its position over their size, where no other row has any."""
        of, blocks = flat(np.zeros_like(rows), (ends - rows) // size)
        level = np.zeros(self._edges.num_edges // size + 1)
        places = rows[of] // size + blocks
        if size > BLOCK:
            halves = rows[of] // (size // 2) + 2 * blocks
            level[places] = self._levels[-1][halves] + self._levels[-1][halves + 1]
            return level
        start = rows[of] + blocks * size
        level[places] = self._edge_by_edge(start, start + size)
        return level
