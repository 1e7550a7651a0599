"""Nodes that a graph does not know, for requests that name them: their ids, and what a caller says of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from tfgrec.graph.absent_values import absent_values
from tfgrec.graph.schema import ID, NodeSet
from tfgrec.graph.store.adjacency import Adjacency
from tfgrec.graph.store.columns import SCALARS
from tfgrec.graph.store.edge_sums import EdgeSums
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.node_index import NodeIndex, hash_ids
from tfgrec.graph.store.shards import ShardRanges, gatherable


class UnknownNodes:
    """Nodes of one node set, without edges.

    Attributes:
      columns: `#id` and all features of the node set by name, Arrow's `[num_nodes]` each.
      hashes: of the ids, uint64 `[num_nodes]`.
    """

    def __init__(self, columns: Mapping[str, pa.Array]) -> None:
        self.columns = dict(columns)
        self.hashes = hash_ids(self.columns[ID].to_numpy(zero_copy_only=False))

    @classmethod
    def of_ids(
        cls, ids: Sequence[int] | Sequence[str], node_set: NodeSet, given: Mapping[str, pa.Array] | None = None
    ) -> "UnknownNodes":
        """Nodes with these raw ids; a feature that is not `given`, `[num_nodes]` each, is absent."""
        columns = {name: absent_values(feature, len(ids)) for name, feature in node_set.features.items() if name != ID}
        return cls({ID: pa.array(ids, SCALARS[node_set.features[ID].dtype]), **columns, **(given or {})})

    def __len__(self) -> int:
        return len(self.hashes)


def with_unknown_nodes(graph: GraphStore, unknown: Mapping[str, UnknownNodes]) -> GraphStore:
    """The graph with nodes that it does not know, by node set: their dense ids follow those of the graph."""
    unknown = {node_set: nodes for node_set, nodes in unknown.items() if len(nodes)}
    return _WidenedGraph(graph, unknown) if unknown else graph


class _WidenedGraph(GraphStore):
    """A view of a graph, for one batch of requests."""

    def __init__(self, graph: GraphStore, unknown: Mapping[str, UnknownNodes]) -> None:
        self._graph = graph
        self.manifest, self.schema, self.statistics = graph.manifest, graph.schema, graph.statistics
        self.feedback_delays = graph.feedback_delays
        self._widened = {name: _WidenedIndex(graph.node_index(name), nodes) for name, nodes in unknown.items()}
        self._sources = {name: graph.num_nodes(name) for name in unknown}

    def __reduce__(self) -> tuple:
        raise TypeError("a view of a graph can't be pickled: make it in each process")

    def num_nodes(self, node_set: str) -> int:
        """The number of nodes of a node set, unknown ones included."""
        widened = self._widened.get(node_set)
        return self._graph.num_nodes(node_set) if widened is None else widened.num_nodes

    def node_index(self, node_set: str) -> NodeIndex:
        """The node set's ids. Unknown nodes are not looked up: who asks has them."""
        return self._widened.get(node_set) or self._graph.node_index(node_set)

    def adjacency(self, edge_set: str) -> Adjacency:
        """The edges of an edge set."""
        edges, num_sources = self._graph.adjacency(edge_set), self._sources.get(self.schema.edge_sets[edge_set].source)
        return edges if num_sources is None else _WidenedAdjacency(edges, num_sources)

    def edge_sums(self, edge_set: str, feature: str) -> EdgeSums:
        """Sums of a scalar number of an edge set's edges."""
        return self._graph.edge_sums(edge_set, feature)


class _WidenedIndex(NodeIndex):
    """The nodes of a node set and, in a shard behind theirs, unknown ones."""

    def __init__(self, known: NodeIndex, unknown: UnknownNodes) -> None:
        self.ranges = ShardRanges([*np.diff(known.ranges.offsets).tolist(), len(unknown)])
        self._known = known
        self._hashes = [*known._hashes, unknown.hashes]
        self._columns = {name: [*pieces, gatherable(unknown.columns[name])] for name, pieces in known._columns.items()}

    def lookup(self, ids: np.ndarray) -> np.ndarray:
        return self._known.lookup(ids)


class _WidenedAdjacency:
    """The edges of a set some of whose sources, from number `num_sources` on, have none."""

    def __init__(self, edges: Adjacency, num_sources: int) -> None:
        self._edges, self._num_sources = edges, num_sources

    def __getattr__(self, name: str) -> object:
        return getattr(self._edges, name)

    def row_bounds(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As of Adjacency."""
        return self._of_known(nodes, self._edges.row_bounds)

    def visible_bounds(
        self, nodes: np.ndarray, before_times: np.ndarray, from_times: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As of Adjacency."""
        return self._of_known(nodes, self._edges.visible_bounds, before_times, from_times)

    def _of_known(self, nodes: np.ndarray, bounds, *times: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        if not len(nodes) or nodes.max() < self._num_sources:
            return bounds(nodes, *times)
        known = np.flatnonzero(nodes < self._num_sources)
        start, end = np.zeros((2, len(nodes)), np.int64)
        start[known], end[known] = bounds(nodes[known], *(None if of is None else of[known] for of in times))
        return start, end
