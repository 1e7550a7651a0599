"""One edge set's rows: per source node its edges, oldest first (a CSR matrix, cut into shards of sources)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tfgrec.graph.columns import column_of
from tfgrec.graph.schema import TIME
from tfgrec.graph.shards import ShardRanges, ShardSelection

TARGET = "#target"
ROW_SPLITS = "#row_splits"


class Adjacency:
    """Vectorised access to the edges of one edge set. An edge's position is its place among all edges of the set.

    `row_splits` and `edges` are the shards' files, as the store writer wrote them.
    """

    def __init__(self, sources: ShardRanges, row_splits: Sequence[np.ndarray], edges: Sequence[pa.RecordBatch]) -> None:
        self._sources = sources
        self._row_splits = list(row_splits)
        self._edges = ShardRanges([batch.num_rows for batch in edges])
        self._targets = [column_of(batch, TARGET).to_numpy() for batch in edges]
        names = [name for name in edges[0].schema.names if name != TARGET]
        self._columns = {name: [column_of(batch, name) for batch in edges] for name in names}
        self._times = [column.to_numpy() for column in self._columns[TIME]] if TIME in names else None

    @property
    def num_edges(self) -> int:
        """The number of edges of the set."""
        return self._edges.total

    @property
    def timed(self) -> bool:
        """Whether the edges have times."""
        return self._times is not None

    def row_bounds(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position of each node's edges, int64 `[num_nodes]` each."""
        return self._bounds(self._sources.select(nodes))

    def visible_end(self, nodes: np.ndarray, before_times: np.ndarray) -> np.ndarray:
        """Past-the-last position, int64 `[num_nodes]`, of each node's edges whose time is less than `before_times`.

        That is the first position in the row with a time at or after it. Edges without times are always visible.
        """
        return self.visible_bounds(nodes, before_times)[1]

    def visible_bounds(self, nodes: np.ndarray, before_times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position of the edges that `visible_end` describes."""
        selection = self._sources.select(nodes)
        start, end = self._bounds(selection)
        if self._times is None:
            return start, end

        def search(shard: int, _: np.ndarray, chosen: np.ndarray | slice) -> np.ndarray:
            offset = self._edges.offsets[shard]
            times, before = self._times[shard], before_times[chosen]
            return _first_not_before(times, start[chosen] - offset, end[chosen] - offset, before) + offset

        return start, selection.map(search)

    def _bounds(self, selection: ShardSelection) -> tuple[np.ndarray, np.ndarray]:
        offsets = self._edges.offsets
        start = selection.map(lambda shard, rows, _: self._row_splits[shard][rows] + offsets[shard])
        end = selection.map(lambda shard, rows, _: self._row_splits[shard][rows + 1] + offsets[shard])
        return start, end

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """Dense ids, int64 `[num_positions]`, of the edges' targets."""
        return self._edges.select(positions).gather(self._targets)

    def times(self, positions: np.ndarray) -> np.ndarray:
        """Times in milliseconds, int64 `[num_positions]`, of the edges.

        Raises:
          ValueError: the edges have no times.
        """
        if self._times is None:
            raise ValueError("these edges have no times")
        return self._edges.select(positions).gather(self._times)

    def features(self, positions: np.ndarray) -> dict[str, pa.Array]:
        """The edges' features by name, `time` included, each `[num_positions]`."""
        selection = self._edges.select(positions)
        return {name: selection.gather_arrow(pieces) for name, pieces in self._columns.items()}


def _first_not_before(times: np.ndarray, start: np.ndarray, end: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Binary search in many rows at once: the first position in `[start, end)` with time >= before, else end."""
    result = end.copy()
    open_ = np.flatnonzero(start < end)
    # Most rows end before the request: they need one look, not a search.
    open_ = open_[times[end[open_] - 1] >= before[open_]]
    low, high, bound = start[open_], end[open_] - 1, before[open_]
    for _ in range(int((high - low).max(initial=0)).bit_length()):
        middle = (low + high) >> 1
        later = times[middle] >= bound
        high = np.where(later, middle, high)
        low = np.where(later, low, np.minimum(middle + 1, high))
    result[open_] = high
    return result
