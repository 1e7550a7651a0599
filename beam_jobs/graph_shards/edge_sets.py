"""Rows of tables as edges: ids looked up in the node shards that are written, bad rows found."""

from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.graph_shards.rows_set_aside import RowsSetAside
from beam_jobs.graph_shards.where_counts import AND, count_matches
from beam_jobs.running.arrow_shuffle import ShardKey, split
from beam_jobs.running.facts import Fact
from beam_jobs.tables.bad_rows import LOOKING_UP, of_batch, tagged
from beam_jobs.tables.read_table import FACTS
from beam_jobs.tables.table_batches import FILE, ROW
from beam_jobs.tables.told_places import told_place
from tfgrec.graph.rows.edge_rows import EdgeRows, NodeColumns, keep_wanted, read_edges, swapped
from tfgrec.graph.rows.row_checks import RowChecks, RowSelection
from tfgrec.graph.schema import SOURCE, GraphSchema
from tfgrec.graph.store.columns import column_of
from tfgrec.graph.store.store_writer import GraphStoreWriter


class ReadEdges(beam.DoFn):
    """Batches of one table -> ((edge set, shard), edges) for the edge sets that it feeds."""

    def __init__(
        self,
        table: str,
        paths: Sequence[str],
        edges: Sequence[EdgeRows],
        schema: GraphSchema,
        writer: GraphStoreWriter,
    ) -> None:
        self._table, self._paths, self._edges = table, tuple(paths), edges
        self._schema, self._writer = schema, writer

    def process(self, batch: pa.RecordBatch, set_aside: RowsSetAside) -> Iterator[tuple[ShardKey, bytes]]:
        """Rows that are set aside feed nothing."""
        checks = RowChecks(batch.num_rows)
        nodes = NodeColumns(batch, self._schema, self._look_up)
        usable = ~set_aside.holds(self._table, _numbers(batch, FILE), _numbers(batch, ROW))
        for rows in self._edges:
            edge_set = self._schema.edge_sets[rows.edge_set]
            selection = checks.selection(usable)
            with told_place(self._table, self._paths, batch):
                facts = list(count_wanted(batch, rows, selection))
                edges = read_edges(batch, rows.source, edge_set, nodes, selection)
            yield from (beam.pvalue.TaggedOutput(FACTS, fact) for fact in facts)
            yield from self._by_shard(rows.edge_set, edges)
            for reverse in rows.reverses:
                yield from self._by_shard(reverse, swapped(edges))
        yield from tagged(self._table, of_batch(batch, checks, LOOKING_UP))

    def _look_up(self, node_set: str, ids: np.ndarray) -> np.ndarray:
        return self._writer.node_index(node_set).lookup(ids)

    def _by_shard(self, name: str, edges: pa.RecordBatch) -> Iterator[tuple[ShardKey, bytes]]:
        if edges.num_rows:
            shards = self._writer.shard_of_nodes(self._schema.edge_sets[name].source, _numbers(edges, SOURCE))
            for shard, part in split(edges, shards):
                yield (name, shard), part


def count_wanted(batch: pa.RecordBatch, rows: EdgeRows, selection: RowSelection) -> Iterator[Fact]:
    """Keeps the rows that the source's `where` lets through, and counts them."""
    place, where, together = (rows.edge_set, rows.source.table), rows.source.where, np.ones(batch.num_rows, bool)
    for of in keep_wanted(batch, rows, selection):
        together &= of.matching
        yield count_matches(*place, of.column, of.wanted, of.cells, of.matching)
    if len(where) > 1:
        values = [f"{column}: {wanted if isinstance(wanted, list) else [wanted]}" for column, wanted in where.items()]
        none = pa.nulls(batch.num_rows, pa.string())
        yield count_matches(*place, AND.join(where), [AND.join(values)], none, together)


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return column_of(batch, name).to_numpy()
