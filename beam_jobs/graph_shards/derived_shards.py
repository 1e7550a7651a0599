"""Derived edge shards of a graph store: each is made from the store's other edges, without a shuffle."""

from collections.abc import Iterator

import apache_beam as beam

from beam_jobs.running.arrow_shuffle import ShardKey
from tfgrec.config import TablesConfig
from tfgrec.config.tables import reverse_edge_set
from tfgrec.graph.derived.derived_edges import WEIGHT, derivation_base, derive_edges
from tfgrec.graph.derived.item_events import DerivationBase
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.store_writer import GraphStoreWriter


def derived_edge_sets(tables: TablesConfig) -> list[str]:
    """The edge sets that are derived from others."""
    return [name for name, edge_set in tables.edge_sets.items() if edge_set.derived is not None]


class BuildDerivedShards(beam.PTransform):
    """Writes the shards of all derived edge sets to the writer's store, whose other shards are there; gives entries."""

    def __init__(self, tables: TablesConfig, schema: GraphSchema, writer: GraphStoreWriter) -> None:
        super().__init__()
        self._names, self._writer = derived_edge_sets(tables), writer
        self._write = WriteDerivedShard(tables, schema, writer)

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        keys = [(name, shard) for name in self._names for shard in range(self._writer.shards)]
        return root | "shards" >> beam.Create(keys, reshuffle=True) | "derive" >> beam.ParDo(self._write)


class WriteDerivedShard(beam.DoFn):
    """(derived edge set, shard of its items) -> an edge shard; gives its entry."""

    def __init__(self, tables: TablesConfig, schema: GraphSchema, writer: GraphStoreWriter) -> None:
        self._tables, self._schema, self._writer = tables, schema, writer

    def setup(self) -> None:
        self._bases: dict[str, DerivationBase] = {}

    def process(self, key: ShardKey) -> Iterator[dict]:
        name, shard = key
        if name not in self._bases:
            self._bases[name] = self._open_base(name)
        items = self._writer.nodes_of_shard(self._schema.edge_sets[name].source, shard)
        edges = derive_edges(self._tables.edge_sets[name].derived, self._bases[name], items)
        weights = {WEIGHT: edges.weights}
        entry = self._writer.write_edge_shard(name, shard, edges.sources, edges.targets, edges.times, weights)
        yield {"kind": "shard", "entry": entry}

    def _open_base(self, name: str) -> DerivationBase:
        definition, edge_set = self._tables.edge_sets[name].derived, self._schema.edge_sets[name]
        reverse = reverse_edge_set(self._tables, definition.from_)
        return derivation_base(
            definition,
            {base: self._writer.adjacency(base) for base in (*definition.base, reverse)},
            reverse,
            num_partners=self._writer.node_index(edge_set.target).num_nodes,
            same_items=edge_set.source == edge_set.target,
            where=f"edge_sets.{name}.derived.refresh_seconds",
        )
