"""A node set with nodes that came after its store was built: their dense ids follow those of the store."""

import numpy as np
import pyarrow as pa

from tfgrec.graph.schema import ID, NodeSet
from tfgrec.graph.store.columns import as_columns
from tfgrec.graph.store.node_index import NodeIndex, as_id_array, hash_ids
from tfgrec.graph.store.shards import ShardRanges, gatherable


class OverlaidNodes(NodeIndex):
    """The nodes of `base` and added ones, which stand in parts behind its shards.

    A new part swallows those before it that are no larger, so that there are few.
    """

    def __init__(self, base: NodeIndex, node_set: NodeSet, name: str) -> None:
        self._base, self._declared, self._name = base, dict(node_set.features), name
        self._dtype, self._where = self._declared[ID].dtype, f"node set '{name}'"
        self._parts: list[dict[str, pa.Array]] = []
        self._added: dict[int | str, int] = {}
        self._place_parts()

    @property
    def num_base_nodes(self) -> int:
        """How many nodes the store has."""
        return self._base.num_nodes

    @property
    def base_ranges(self) -> ShardRanges:
        """The shards of the store."""
        return self._base.ranges

    def lookup(self, ids: np.ndarray) -> np.ndarray:
        """Dense ids, int64 `[num_ids]`, of raw ids; -1 where there is no such node."""
        nodes = self._base.lookup(ids)
        if self._added:
            raw = as_id_array(ids, self._dtype, self._where)
            for place in np.flatnonzero(nodes < 0).tolist():
                nodes[place] = self._added.get(raw[place], -1)
        return nodes

    def add(self, columns: dict[str, pa.Array]) -> int:
        """Takes in nodes that are not there yet, each once: `#id` and all features; returns how many."""
        count = len(columns[ID])
        if not count:
            return 0
        part = as_columns(columns, self._declared, count, self._where)
        first = self.num_nodes
        for place, raw in enumerate(part[ID].to_pylist()):
            self._added[raw] = first + place
        while self._parts and len(self._parts[-1][ID]) <= len(part[ID]):
            before = self._parts.pop()
            part = {name: pa.concat_arrays([before[name], column]) for name, column in part.items()}
        self._parts.append(part)
        self._place_parts()
        return count

    def ranks(self, nodes: np.ndarray) -> np.ndarray:
        """Numbers, int64 `[num_nodes]`, that sort nodes as dense ids would in a store built with all of them."""
        if not self._added or not len(nodes) or nodes.max() < self.num_base_nodes:
            return nodes
        distinct, places = np.unique(nodes, return_inverse=True)
        hashes = self.hashes(distinct)
        if len(np.unique(hashes)) == len(hashes):
            order = np.argsort(hashes)
        else:
            raw = self.columns(distinct, [ID])[ID]
            raw = raw if isinstance(raw, np.ndarray) else raw.to_numpy(zero_copy_only=False)
            order = np.lexsort((np.unique(raw, return_inverse=True)[1], hashes))
        ranks = np.empty(len(distinct), np.int64)
        ranks[order] = np.arange(len(distinct))
        return ranks[places]

    def _place_parts(self) -> None:
        base, parts = self._base, self._parts
        counts = [*np.diff(base.ranges.offsets).tolist(), *(len(part[ID]) for part in parts)]
        ids = [part[ID].to_numpy(zero_copy_only=False) for part in parts]
        self.ranges = ShardRanges(counts)
        self._hashes = [*base._hashes, *(hash_ids(of_part) for of_part in ids)]
        self._columns = {
            name: [*pieces, *(gatherable(part[name]) for part in parts)] for name, pieces in base._columns.items()
        }
