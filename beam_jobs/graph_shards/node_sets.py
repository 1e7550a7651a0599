"""Rows of tables as nodes: ids and features read, bad rows found."""

from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import pyarrow as pa

from beam_jobs.running.arrow_shuffle import ShardKey, split
from beam_jobs.tables.bad_rows import CONVERTING, of_batch, tagged
from beam_jobs.tables.table_batches import FILE, ROW
from beam_jobs.tables.told_places import told_place
from tfgrec.config.tables import NodeSetSource
from tfgrec.graph.rows.node_rows import read_nodes
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.schema import ID, GraphSchema
from tfgrec.graph.store.columns import column_of
from tfgrec.graph.store.store_writer import GraphStoreWriter


class ReadNodes(beam.DoFn):
    """Batches of one table -> ((node set, shard), nodes) for the node sets that it feeds."""

    def __init__(
        self,
        table: str,
        paths: Sequence[str],
        sources: Mapping[str, NodeSetSource],
        schema: GraphSchema,
        writer: GraphStoreWriter,
    ) -> None:
        self._table, self._paths, self._sources = table, tuple(paths), sources
        self._schema, self._writer = schema, writer

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[ShardKey, bytes]]:
        checks = RowChecks(batch.num_rows)
        for name, source in self._sources.items():
            with told_place(self._table, self._paths, batch):
                nodes = read_nodes(batch, source, self._schema.node_sets[name], checks, (FILE, ROW))
            for shard, part in split(nodes, self._writer.shard_of(column_of(nodes, ID).to_numpy(zero_copy_only=False))):
                yield (name, shard), part
        yield from tagged(self._table, of_batch(batch, checks, CONVERTING))
