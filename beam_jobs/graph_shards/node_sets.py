"""Rows of tables as nodes: ids and features read, bad rows found."""

from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import pyarrow as pa

from beam_jobs.running.arrow_shuffle import ShardKey, split
from beam_jobs.tables.bad_rows import CONVERTING, of_batch, tagged
from beam_jobs.tables.features import column_of, read_feature, read_ids
from beam_jobs.tables.row_checks import RowChecks
from beam_jobs.tables.table_batches import FILE, ROW
from beam_jobs.tables.told_places import told_place
from tfgrec.config.tables import NodeSetSource, TablesConfig, as_column
from tfgrec.graph.schema import ID, GraphSchema, NodeSet
from tfgrec.graph.store.store_writer import GraphStoreWriter


def node_sets_by_table(tables: TablesConfig) -> dict[str, dict[str, NodeSetSource]]:
    """The node sets that each table feeds."""
    by_table: dict[str, dict[str, NodeSetSource]] = {}
    for name, source in tables.node_sets.items():
        by_table.setdefault(source.table, {})[name] = source
    return by_table


def node_set_columns(source: NodeSetSource) -> list[str]:
    """The columns that a node set is read from."""
    return [as_column(column).column for column in (source.id, *source.features.values())]


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
                nodes = _read_nodes(batch, source, self._schema.node_sets[name], checks)
            for shard, part in split(nodes, self._writer.shard_of(column_of(nodes, ID).to_numpy(zero_copy_only=False))):
                yield (name, shard), part
        yield from tagged(self._table, of_batch(batch, checks, CONVERTING))


def _read_nodes(batch: pa.RecordBatch, source: NodeSetSource, node_set: NodeSet, checks: RowChecks) -> pa.RecordBatch:
    selection = checks.selection()
    ids = read_ids(batch, as_column(source.id), node_set.features[ID].dtype, selection)
    features = {
        name: read_feature(batch, as_column(column), node_set.features[name], selection)
        for name, column in source.features.items()
    }
    kept = selection.kept[ids.rows]
    values = ids.values.filter(pa.array(kept))
    if not features:
        return pa.RecordBatch.from_arrays([values.unique()], names=[ID])
    rows = pa.array(ids.rows[kept])
    places = {name: column_of(batch, name) for name in (FILE, ROW)}
    columns = {name: column.take(rows) for name, column in {**features, **places}.items()}
    return pa.RecordBatch.from_arrays([values, *columns.values()], names=[ID, *columns])
