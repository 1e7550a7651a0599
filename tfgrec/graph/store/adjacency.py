"""One edge set's rows: per source node its edges, oldest first (a CSR matrix, cut into shards of sources)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tfgrec import files
from tfgrec.graph.schema import TARGET, TIME
from tfgrec.graph.store import layout, store_files
from tfgrec.graph.store.columns import column_of
from tfgrec.graph.store.shards import ShardRanges, ShardSelection, as_arrow, gatherable

ROW_SPLITS = "#row_splits"

# Rows that are searched one by one: NumPy's calls for all at once cost as much as some ten of these.
_FEW = 10


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
        self._columns = {name: [gatherable(column_of(batch, name)) for batch in edges] for name in names}
        self._times = self._columns.get(TIME)

    @property
    def num_edges(self) -> int:
        """The number of edges of the set."""
        return self._edges.total

    @property
    def timed(self) -> bool:
        """Whether the edges have times."""
        return self._times is not None

    def time_span(self) -> tuple[int, int] | None:
        """The times of the oldest and the newest edge; None where there is no edge.

        Raises:
          ValueError: the edges have no times.
        """
        if self._times is None:
            raise ValueError("these edges have no times")
        shards = [times for times in self._times if len(times)]
        return (min(int(s.min()) for s in shards), max(int(s.max()) for s in shards)) if shards else None

    def row_bounds(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position of each node's edges, int64 `[num_nodes]` each."""
        rows = self._sources.select(nodes)
        return self._positions(rows, *self._bounds(rows))

    def rows_of_at_least(self, num_edges: int) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position, int64 `[num_rows]` each, of all rows that have as many edges."""
        start, end = [], []
        for splits, offset in zip(self._row_splits, self._edges.offsets, strict=False):
            long = np.flatnonzero(np.diff(splits) >= num_edges)
            start.append(splits[long] + offset)
            end.append(splits[long + 1] + offset)
        return np.concatenate(start), np.concatenate(end)

    def visible_bounds(
        self, nodes: np.ndarray, before_times: np.ndarray, from_times: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position, int64 `[num_nodes]`, of each node's edges with time < `before_times`.

        With `from_times`, only of those that also have time >= it. Edges without times are always visible.

        Raises:
          ValueError: there are `from_times`, but the edges have no times.
        """
        if self._times is None and from_times is not None:
            raise ValueError("these edges have no times")
        if len(nodes) <= _FEW:
            return self._visible_one_by_one(nodes, before_times, from_times)
        rows = self._sources.select(nodes)
        start, end = self._bounds(rows)
        if self._times is not None:
            end = self._first_not_before(rows, start, end, before_times[rows.order])
        if from_times is not None:
            start = self._first_not_before(rows, start, end, from_times[rows.order])
        return self._positions(rows, start, end)

    def _visible_one_by_one(
        self, nodes: np.ndarray, before_times: np.ndarray, from_times: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same for few nodes, for which searching all rows at once takes longer."""
        bounds = np.empty((2, len(nodes)), np.int64)
        for row, node in enumerate(nodes.tolist()):
            shard, local = self._sources.place(node)
            start, end = self._row_splits[shard][local : local + 2].tolist()
            if self._times is not None and start < end:
                times = self._times[shard][start:end]
                if times[-1] >= before_times[row]:
                    end = start + int(times.searchsorted(before_times[row]))
                if from_times is not None:
                    start += int(times[: end - start].searchsorted(from_times[row]))
            offset = self._edges.first(shard)
            bounds[0, row], bounds[1, row] = start + offset, end + offset
        return bounds[0], bounds[1]

    def _bounds(self, rows: ShardSelection) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last place of the sorted rows' edges within their shards."""
        return rows.take(self._row_splits, rows.local), rows.take(self._row_splits, rows.local + 1)

    def _first_not_before(
        self, rows: ShardSelection, start: np.ndarray, end: np.ndarray, times: np.ndarray
    ) -> np.ndarray:
        """Binary search in all sorted rows at once: the first place in `[start, end)` at or after a time, else end."""
        result = end.copy()
        open_ = np.flatnonzero(start < end)
        # Most rows end before the request: they need one look, not a search.
        open_ = open_[rows.take(self._times, end[open_] - 1, open_) >= times[open_]]
        low, high, bound = start[open_], end[open_] - 1, times[open_]
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            later = rows.take(self._times, middle, open_) >= bound
            high = np.where(later, middle, high)
            low = np.where(later, low, middle + 1)
        result[open_] = high
        return result

    def _positions(self, rows: ShardSelection, *places: np.ndarray) -> tuple[np.ndarray, ...]:
        """Places of the sorted rows within their shards as positions, in the order of the rows as they were given."""
        offsets = rows.shard_values(self._edges.offsets)
        return tuple(rows.unsorted(of_rows + offsets) for of_rows in places)

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

    def feature(self, name: str, positions: np.ndarray) -> pa.Array:
        """One feature of the edges, `[num_positions]`."""
        return self._edges.select(positions).gather_arrow(self._columns[name])

    def values(self, name: str, positions: np.ndarray) -> np.ndarray:
        """A scalar number of the edges, of the column's own dtype, `[num_positions]`."""
        return self._edges.select(positions).gather(self._columns[name])

    def numbers(self, name: str, positions: np.ndarray) -> np.ndarray:
        """A scalar number of the edges as float64 `[num_positions]`."""
        return self.values(name, positions).astype(np.float64)

    def features(self, positions: np.ndarray) -> dict[str, pa.Array]:
        """The edges' features by name, `time` included, each `[num_positions]`."""
        return {name: as_arrow(column) for name, column in self.columns(positions).items()}

    def columns(self, positions: np.ndarray) -> dict[str, np.ndarray | pa.Array]:
        """The same, numbers as NumPy's."""
        selection = self._edges.select(positions)
        return {name: selection.gather_column(pieces) for name, pieces in self._columns.items()}


def open_adjacency(
    store: files.StrPath,
    edge_set: str,
    sources: ShardRanges,
    shards: int,
    described: Mapping[str, Mapping[str, Any]] | None = None,
) -> Adjacency:
    """The edges of an edge set whose shards are all written; `sources` are its source nodes' ranges.

    `described` is what the store's manifest says of its files, by their names there, once there is one.

    Raises:
      GraphStoreError: a shard is not written yet.
    """
    row_paths = [layout.row_splits_path(store, edge_set, shard, shards) for shard in range(shards)]
    edge_paths = [layout.edge_shard_path(store, edge_set, shard, shards) for shard in range(shards)]
    rows = store_files.map_shards(store, row_paths, described)
    edges = store_files.map_shards(store, edge_paths, described)
    return Adjacency(sources, [column_of(batch, ROW_SPLITS).to_numpy() for batch in rows], edges)
