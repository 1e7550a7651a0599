"""An edge set with edges that came after its store was built, read like one that was built with them.

A node that got edges has a row of its own: the first edges of its row in the store, as many as come before the oldest
new one, and behind them, in memory, all others in their order. So memory grows with the new edges, and with those
edges of the store that are newer than an edge that came late.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from tfgrec.graph.log.growing import GrowingColumns
from tfgrec.graph.log.text_codes import TextCodes
from tfgrec.graph.schema import TARGET, TIME, EdgeSet
from tfgrec.graph.store.adjacency import Adjacency
from tfgrec.graph.store.edge_order import edge_order
from tfgrec.graph.store.ranges import flat
from tfgrec.graph.store.shards import as_arrow

# Positions of edges in rows of their own: this bit, the row's number, the edge's place in the row.
_OWN = 1 << 62
_PLACE_BITS = 32
_PLACE_MASK = (1 << _PLACE_BITS) - 1
# Rows that are searched one by one.
_FEW = 10

# Dense ids of targets -> numbers that sort as the targets' dense ids would in a store built with them.
Ranks = Callable[[np.ndarray], np.ndarray]


class OverlaidAdjacency:
    """Edges of `base` and added ones, with the methods of Adjacency that sampling, degrees and encoding use.

    Args:
      base: the store's edges.
      num_base_sources: how many nodes have rows in it.
      edge_set: what the edges have.
      ranks: how targets of equal source and time are ordered.
    """

    def __init__(self, base: Adjacency, num_base_sources: int, edge_set: EdgeSet, ranks: Ranks) -> None:
        self._base, self._num_base_sources, self._ranks = base, num_base_sources, ranks
        self._texts = {name: TextCodes() for name, of in edge_set.features.items() if of.dtype == "string"}
        dtypes = {"int64": np.int64, "float32": np.float32, "string": np.int32}
        self._names = list(edge_set.features)
        self._edges = GrowingColumns(
            {TARGET: np.int64, **{name: dtypes[of.dtype] for name, of in edge_set.features.items()}}
        )
        self._rows = GrowingColumns(dict.fromkeys(("base", "kept", "first", "count", "room"), np.int64))
        # One more than the row of each node; pages of it that nobody touches take no memory.
        self._row_of = np.zeros(max(num_base_sources, 1), np.int32)
        self.num_added = 0

    @property
    def num_edges(self) -> int:
        """The number of edges of the set."""
        return self._base.num_edges + self.num_added

    @property
    def timed(self) -> bool:
        """Whether the edges have times."""
        return self._base.timed

    def add(self, sources: np.ndarray, targets: np.ndarray, columns: Mapping[str, pa.Array]) -> None:
        """Takes in edges `[num_edges]`, in any order; `columns` are their features, `time` included."""
        if not len(sources):
            return
        nodes, of_node = np.unique(sources, return_inverse=True)
        rows = self._own_rows(nodes)
        given = {TARGET: targets, **{name: self._encoded(name, columns[name]) for name in self._names}}
        places = self._places(rows, of_node, given)
        of_moved, moved = flat(places, self._lengths(rows))
        moved = (_OWN | rows[of_moved] << _PLACE_BITS) + moved
        merged = {name: np.concatenate([self._gather(name, moved), values]) for name, values in given.items()}
        of_merged = np.concatenate([of_moved, of_node])
        order = self._order(of_merged, merged)
        self._put(rows, places, np.bincount(of_merged, minlength=len(rows)), of_merged[order], order, merged)
        self.num_added += len(sources)

    def row_bounds(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position of each node's edges, int64 `[num_nodes]` each."""
        start, end = self._of_base(nodes, lambda of_store: self._base.row_bounds(nodes[of_store]))
        rows = self._row_numbers(nodes)
        own = np.flatnonzero(rows >= 0)
        start[own] = _OWN | rows[own] << _PLACE_BITS
        end[own] = start[own] + self._lengths(rows[own])
        return start, end

    def visible_bounds(
        self, nodes: np.ndarray, before_times: np.ndarray, from_times: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As of Adjacency.

        Raises:
          ValueError: there are `from_times`, but the edges have no times.
        """
        rows = self._row_numbers(nodes)
        own = np.flatnonzero(rows >= 0)
        if not len(own) and (not len(nodes) or nodes.max() < self._num_base_sources):
            return self._base.visible_bounds(nodes, before_times, from_times)

        def of_store(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            oldest = None if from_times is None else from_times[chosen]
            return self._base.visible_bounds(nodes[chosen], before_times[chosen], oldest)

        start, end = self._of_base(nodes, of_store)
        if len(own) <= _FEW:
            self._see_one_by_one(own, rows, start, end, before_times, from_times)
            return start, end
        rows = rows[own]
        offset, kept = self._rows["base"][rows], self._rows["kept"][rows]
        first, last = start[own] - offset, end[own] - offset
        if self.timed:
            beyond = np.flatnonzero(last >= kept)
            seen = self._seen(rows[beyond], before_times[own[beyond]])
            last[beyond] = kept[beyond] + seen
            if from_times is not None:
                late = np.flatnonzero(first >= kept)
                first[late] = kept[late] + self._seen(rows[late], from_times[own[late]])
                first = np.minimum(first, last)
        else:
            first, last = np.zeros_like(rows), self._lengths(rows)
        ids = _OWN | rows << _PLACE_BITS
        start[own], end[own] = ids + first, ids + last
        return start, end

    def _see_one_by_one(
        self,
        own: np.ndarray,
        rows: np.ndarray,
        start: np.ndarray,
        end: np.ndarray,
        before_times: np.ndarray,
        from_times: np.ndarray | None,
    ) -> None:
        """Puts the bounds of rows of their own in the place of what the store has of them; quicker for few."""
        for node in own.tolist():
            row = int(rows[node])
            offset, kept, count = (int(self._rows[name][row]) for name in ("base", "kept", "count"))
            first, last = int(start[node]) - offset, int(end[node]) - offset
            if not self.timed:
                first, last = 0, kept + count
            else:
                in_memory = int(self._rows["first"][row])
                times = self._edges[TIME][in_memory : in_memory + count]
                if last >= kept:
                    last = kept + int(times.searchsorted(before_times[node]))
                if from_times is not None and first >= kept:
                    first = min(kept + int(times.searchsorted(from_times[node])), last)
            ids = _OWN | row << _PLACE_BITS
            start[node], end[node] = ids + first, ids + last

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """Dense ids, int64 `[num_positions]`, of the edges' targets."""
        return self._gather(TARGET, positions)

    def times(self, positions: np.ndarray) -> np.ndarray:
        """Times in milliseconds, int64 `[num_positions]`, of the edges.

        Raises:
          ValueError: the edges have no times.
        """
        if not self.timed:
            raise ValueError("these edges have no times")
        return self._gather(TIME, positions)

    def feature(self, name: str, positions: np.ndarray) -> pa.Array:
        """One feature of the edges, `[num_positions]`."""
        return as_arrow(self._column(name, positions, *self._resolve(positions)))

    def values(self, name: str, positions: np.ndarray) -> np.ndarray:
        """A scalar number of the edges, of the column's own dtype, `[num_positions]`."""
        return self._gather(name, positions)

    def numbers(self, name: str, positions: np.ndarray) -> np.ndarray:
        """A scalar number of the edges as float64 `[num_positions]`."""
        return self.values(name, positions).astype(np.float64)

    def features(self, positions: np.ndarray) -> dict[str, pa.Array]:
        """The edges' features by name, `time` included, each `[num_positions]`."""
        return {name: as_arrow(column) for name, column in self.columns(positions).items()}

    def columns(self, positions: np.ndarray) -> dict[str, np.ndarray | pa.Array]:
        """The same, numbers as NumPy's."""
        resolved = self._resolve(positions)
        if resolved[0] is None:
            return self._base.columns(positions)
        return {name: self._column(name, positions, *resolved) for name in self._names}

    def own_row(self, position: int) -> tuple[int, int]:
        """Of a position in a row of its own, the first position of the row, and the number of its edges."""
        row = position >> _PLACE_BITS & ((1 << 30) - 1)
        return _OWN | row << _PLACE_BITS, int(self._rows["kept"][row] + self._rows["count"][row])

    @staticmethod
    def is_own(positions: np.ndarray) -> np.ndarray:
        """Which positions, bool `[num_positions]`, are in rows of their own, and not in the store's."""
        return positions >= _OWN

    def _row_numbers(self, nodes: np.ndarray) -> np.ndarray:
        """The own row of each node, -1 where it has none."""
        if len(nodes) and nodes.max() >= len(self._row_of):
            known = nodes < len(self._row_of)
            rows = np.full(len(nodes), -1, np.int64)
            rows[known] = self._row_of[nodes[known]] - 1
            return rows
        return self._row_of[nodes].astype(np.int64) - 1

    def _own_rows(self, nodes: np.ndarray) -> np.ndarray:
        """The own rows of distinct nodes, made where they have none."""
        if nodes[-1] >= len(self._row_of):
            grown = np.zeros(max(int(nodes[-1]) + 1, len(self._row_of) * 5 // 4), np.int32)
            grown[: len(self._row_of)] = self._row_of
            self._row_of = grown
        lacking = nodes[self._row_of[nodes] == 0]
        first = self._rows.grow(len(lacking))
        start, end = self._of_base(lacking, lambda of_store: self._base.row_bounds(lacking[of_store]))
        self._rows["base"][first : first + len(lacking)] = start
        self._rows["kept"][first : first + len(lacking)] = end - start
        self._row_of[lacking] = np.arange(first, first + len(lacking)) + 1
        return self._row_of[nodes].astype(np.int64) - 1

    def _of_base(self, nodes: np.ndarray, bounds: Callable) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of nodes by `bounds`, which is asked for those that the store has; the others have no edge there."""
        in_store = nodes < self._num_base_sources
        if in_store.all():
            start, end = bounds(slice(None))
            return start.copy(), end.copy()
        start, end = np.zeros((2, len(nodes)), np.int64)
        start[in_store], end[in_store] = bounds(in_store)
        return start, end

    def _lengths(self, rows: np.ndarray) -> np.ndarray:
        return self._rows["kept"][rows] + self._rows["count"][rows]

    def _places(self, rows: np.ndarray, of_node: np.ndarray, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of each row the place from which on its edges may come after one of the given ones."""
        if not self.timed:
            return np.zeros_like(rows)
        oldest = np.full(len(rows), np.iinfo(np.int64).max)
        np.minimum.at(oldest, of_node, given[TIME])
        places = self._rows["kept"][rows].copy()
        # Of most rows all edges are older: one look at the newest tells.
        of_store = np.flatnonzero(places > 0)
        offset = self._rows["base"][rows[of_store]]
        newest = self._base.times(offset + places[of_store] - 1)
        late = of_store[newest >= oldest[of_store]]
        if len(late):
            offset = self._rows["base"][rows[late]]
            places[late] = _search(offset, offset + places[late], oldest[late], self._base.times) - offset
        whole = np.flatnonzero(places == self._rows["kept"][rows])
        places[whole] += self._seen(rows[whole], oldest[whole])
        return places

    def _seen(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """How many of each row's edges in memory are older than its time."""
        first, counts = self._rows["first"][rows], self._rows["count"][rows]
        edge_times = self._edges[TIME]
        if len(rows) <= _FEW:
            spans = zip(first.tolist(), counts.tolist(), times.tolist(), strict=True)
            seen = [edge_times[start : start + count].searchsorted(time) for start, count, time in spans]
            return np.array(seen, np.int64)
        low, high = first.copy(), first + counts
        newest = np.flatnonzero(counts > 0)
        newest = newest[edge_times[high[newest] - 1] < times[newest]]
        low[newest] = high[newest]
        return _search(low, high, times, edge_times.__getitem__) - first

    def _order(self, of_row: np.ndarray, merged: Mapping[str, np.ndarray]) -> np.ndarray:
        """The order of edges as a store writer sorts them."""
        columns = {
            name: self._texts[name].decoded(merged[name]) if name in self._texts else pa.array(merged[name])
            for name in self._names
        }
        return edge_order(of_row, self._ranks(merged[TARGET]), columns)

    def _put(
        self,
        rows: np.ndarray,
        places: np.ndarray,
        counts: np.ndarray,
        of_row: np.ndarray,
        order: np.ndarray,
        merged: Mapping[str, np.ndarray],
    ) -> None:
        """Writes the rows anew from their `places` on: `counts` edges each."""
        table = self._rows
        stay = np.maximum(places - table["kept"][rows], 0)
        lengths = stay + counts
        old_first = table["first"][rows]
        moving = np.flatnonzero(lengths > table["room"][rows])
        room = 1 << np.ceil(np.log2(lengths[moving])).astype(np.int64)
        start = self._edges.grow(int(room.sum()))
        table["first"][rows[moving]] = start + np.cumsum(room) - room
        table["room"][rows[moving]] = room
        table["kept"][rows] = np.minimum(table["kept"][rows], places)
        table["count"][rows] = lengths
        first = table["first"][rows]
        of_stay, from_ = flat(old_first[moving], old_first[moving] + stay[moving])
        to = from_ + (first - old_first)[moving][of_stay]
        within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        put = (first + stay)[of_row] + within
        for name, values in merged.items():
            column = self._edges[name]
            column[to] = column[from_]
            column[put] = values[order]

    def _encoded(self, name: str, column: pa.Array) -> np.ndarray:
        return self._texts[name].encoded(column) if name in self._texts else column.to_numpy(zero_copy_only=False)

    def _resolve(self, positions: np.ndarray) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """The store's positions of those edges that it has, which these are, and the places in memory of the others.

        None instead of the first where no edge is in a row of its own.
        """
        if not len(positions) or positions.max() < _OWN:
            return None, positions, positions
        lowest, highest = int(positions.min()), int(positions.max())
        if lowest >> _PLACE_BITS == highest >> _PLACE_BITS:
            return self._resolve_in_row(positions, lowest, highest)
        row, place = positions >> _PLACE_BITS & ((1 << 30) - 1), positions & _PLACE_MASK
        own = positions >= _OWN
        row = np.where(own, row, 0)
        kept = self._rows["kept"][row]
        added = own & (place >= kept)
        of_store = np.where(own, self._rows["base"][row] + place, positions)[~added]
        in_memory = (self._rows["first"][row] + place - kept)[added]
        return of_store, added, in_memory

    def _resolve_in_row(
        self, positions: np.ndarray, lowest: int, highest: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same of positions that are all in one row of its own: those of a request's user are, most of all."""
        row = lowest >> _PLACE_BITS & ((1 << 30) - 1)
        begin, kept = _OWN | row << _PLACE_BITS, int(self._rows["kept"][row])
        of_store, in_memory = int(self._rows["base"][row]) - begin, int(self._rows["first"][row]) - kept - begin
        if lowest - begin >= kept:
            return positions[:0], np.ones(len(positions), bool), positions + in_memory
        if highest - begin < kept:
            return positions + of_store, np.zeros(len(positions), bool), positions[:0]
        added = positions >= begin + kept
        return positions[~added] + of_store, added, positions[added] + in_memory

    def _gather(self, name: str, positions: np.ndarray) -> np.ndarray:
        """A column of the edges as NumPy's: codes of texts."""
        of_store, added, in_memory = self._resolve(positions)
        if of_store is None and name not in self._texts:
            return self._of_store(name, positions)
        if of_store is None:
            of_store, added, in_memory = positions, np.zeros(len(positions), bool), positions[:0]
        column = self._edges[name]
        if len(in_memory) == len(positions):
            return column[in_memory]
        if not len(in_memory) and name not in self._texts:
            return self._of_store(name, of_store)
        result = np.empty(len(positions), column.dtype)
        result[added] = column[in_memory]
        kept = self._of_store(name, of_store)
        result[~added] = self._texts[name].encoded(kept) if name in self._texts else kept
        return result

    def _of_store(self, name: str, positions: np.ndarray) -> np.ndarray | pa.Array:
        if name == TARGET:
            return self._base.targets(positions)
        return self._base.feature(name, positions) if name in self._texts else self._base.values(name, positions)

    def _column(
        self, name: str, positions: np.ndarray, of_store: np.ndarray | None, added: np.ndarray, in_memory: np.ndarray
    ) -> np.ndarray | pa.Array:
        if of_store is None:
            return self._of_store(name, positions)
        if name in self._texts:
            texts = self._texts[name]
            both = pa.concat_arrays([self._base.feature(name, of_store), texts.decoded(self._edges[name][in_memory])])
            places = np.empty(len(positions), np.int64)
            places[~added] = np.arange(len(of_store))
            places[added] = len(of_store) + np.arange(len(in_memory))
            return both.take(pa.array(places))
        result = np.empty(len(positions), self._edges[name].dtype)
        result[added] = self._edges[name][in_memory]
        result[~added] = self._base.values(name, of_store)
        return result


def _search(low: np.ndarray, high: np.ndarray, times: np.ndarray, time_of: Callable) -> np.ndarray:
    """Binary search in all rows at once: the first place in `[low, high)` at or after a time, else `high`."""
    low, high = low.copy(), high.copy()
    while (open_ := np.flatnonzero(low < high)).size:
        middle = (low[open_] + high[open_]) >> 1
        later = time_of(middle) >= times[open_]
        high[open_[later]], low[open_[~later]] = middle[later], middle[~later] + 1
    return low
