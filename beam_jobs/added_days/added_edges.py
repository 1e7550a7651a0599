"""Edge shards of a store to which edges are added: the old ones renumbered, those of rows told again left out."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pyarrow as pa

from beam_jobs.added_days.added_nodes import AddedNodes, NodeChanges
from beam_jobs.added_days.row_keyed_edges import RowKey
from tfgrec.graph.rows.edge_rows import ROW_TIME
from tfgrec.graph.schema import SOURCE, TARGET, TIME, GraphSchema
from tfgrec.graph.store import adjacency, layout
from tfgrec.graph.store.columns import column_of
from tfgrec.graph.store.graph_store import GraphStore


class AddedEdges:
    """Merges edges into the edge shards of the store `old`, whose nodes `nodes` has merged. Objects can be pickled.

    `keys` are the edge sets whose edges are replaced with the rows of their nodes; to all others edges are added.
    """

    def __init__(self, old: str, nodes: AddedNodes, keys: Mapping[str, RowKey], schema: GraphSchema) -> None:
        self._old, self._nodes, self._keys, self._schema = old, nodes, dict(keys), schema
        self._changes: dict[str, NodeChanges] = {}

    def __reduce__(self) -> tuple:
        return AddedEdges, (self._old, self._nodes, self._keys, self._schema)

    def merge(self, edge_set: str, shard: int, edges: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """Old edges and, after them, `edges [num_edges]`: SOURCE, TARGET, ROW_TIME where timed, and features."""
        old = self._old_edges(edge_set, shard)
        key = self._keys.get(edge_set)
        if key is not None:
            named = self._changes_of(key.node_set).named
            old = _filter(old, ~np.isin(old[key.side].to_numpy(), named))
            # A row that is bad as a node replaces nothing: its edges would stand beside those of the earlier row.
            edges = _filter(edges, np.isin(edges[key.side].to_numpy(), named))
        return {name: pa.concat_arrays([old[name], column.cast(old[name].type)]) for name, column in edges.items()}

    def _old_edges(self, edge_set: str, shard: int) -> dict[str, pa.Array]:
        declared, manifest = self._schema.edge_sets[edge_set], self._old_store.manifest
        shards = manifest["shards"]
        rows = self._old_store.map_file(layout.row_splits_path(self._old, edge_set, shard, shards))
        edges = self._old_store.map_file(layout.edge_shard_path(self._old, edge_set, shard, shards))
        counts = np.diff(column_of(rows, adjacency.ROW_SPLITS).to_numpy())
        first = manifest["node_sets"][declared.source]["shards"][shard]["offset"]
        sources = self._changes_of(declared.source).renumbering(first + np.arange(len(counts)))
        targets = self._changes_of(declared.target).renumbering(column_of(edges, adjacency.TARGET).to_numpy())
        columns = {SOURCE: pa.array(np.repeat(sources, counts)), TARGET: pa.array(targets)}
        names = {TIME: ROW_TIME}
        return columns | {names.get(name, name): column_of(edges, name) for name in declared.features}

    @cached_property
    def _old_store(self) -> GraphStore:
        return GraphStore.open(self._old)

    def _changes_of(self, node_set: str) -> NodeChanges:
        if node_set not in self._changes:
            self._changes[node_set] = self._nodes.read_changes(node_set)
        return self._changes[node_set]


def _filter(edges: Mapping[str, pa.Array], chosen: np.ndarray) -> dict[str, pa.Array]:
    return {name: column.filter(pa.array(chosen)) for name, column in edges.items()}
