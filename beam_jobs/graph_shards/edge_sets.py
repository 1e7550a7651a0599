"""Rows of tables as edges: ids looked up in the node shards that are written, bad rows found."""

import dataclasses
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.graph_shards.rows_set_aside import RowsSetAside
from beam_jobs.graph_shards.where_counts import AND, count_matches
from beam_jobs.running.arrow_shuffle import ShardKey, split
from beam_jobs.running.facts import Fact
from beam_jobs.tables.bad_rows import LOOKING_UP, of_batch, tagged
from beam_jobs.tables.comparisons import equals_any
from beam_jobs.tables.features import column_of, read_feature, read_ids, reject_unreadable
from beam_jobs.tables.read_table import FACTS
from beam_jobs.tables.row_checks import RowChecks, RowSelection
from beam_jobs.tables.table_batches import FILE, ROW, TIME
from beam_jobs.tables.told_places import told_place
from tfgrec.config.tables import Column, EdgeSource, TablesConfig, as_column
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID, EdgeSet, GraphSchema
from tfgrec.graph.store.store_writer import GraphStoreWriter

SOURCE, TARGET = "#source", "#target"


@dataclasses.dataclass(frozen=True)
class EdgeRows:
    """What one source of an edge set takes from its table; `reverses` are the edge sets that get the edges swapped."""

    edge_set: str
    source: EdgeSource
    reverses: tuple[str, ...]


def edges_by_table(tables: TablesConfig) -> dict[str, list[EdgeRows]]:
    """The edges that each table feeds."""
    by_table: dict[str, list[EdgeRows]] = {}
    for name, edge_set in tables.edge_sets.items():
        reverses = tuple(other for other, of in tables.edge_sets.items() if of.reverse_of == name)
        for source in edge_set.sources:
            by_table.setdefault(source.table, []).append(EdgeRows(name, source, reverses))
    return by_table


def edge_columns(source: EdgeSource) -> list[str]:
    """The columns that edges are read from."""
    columns = [as_column(column).column for column in (source.source, source.target, *source.features.values())]
    return [*columns, *source.where]


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
        nodes = _NodeColumns(batch, self._schema, self._writer)
        usable = ~set_aside.holds(self._table, _numbers(batch, FILE), _numbers(batch, ROW))
        for rows in self._edges:
            edge_set = self._schema.edge_sets[rows.edge_set]
            selection, facts = checks.selection(usable), []
            with told_place(self._table, self._paths, batch):
                _keep_wanted(batch, rows, selection, facts)
                edges = _read_edges(batch, rows.source, edge_set, nodes, selection)
            yield from (beam.pvalue.TaggedOutput(FACTS, fact) for fact in facts)
            yield from self._by_shard(rows.edge_set, edges)
            for reverse in rows.reverses:
                yield from self._by_shard(reverse, _swapped(edges))
        yield from tagged(self._table, of_batch(batch, checks, LOOKING_UP))

    def _by_shard(self, name: str, edges: pa.RecordBatch) -> Iterator[tuple[ShardKey, bytes]]:
        if edges.num_rows:
            shards = self._writer.shard_of_nodes(self._schema.edge_sets[name].source, _numbers(edges, SOURCE))
            for shard, part in split(edges, shards):
                yield (name, shard), part


@dataclasses.dataclass(frozen=True)
class _Nodes:
    """Dense ids `[num_ids]` that rows name, the row of each, and the rows `[num_rows]` rejected for each reason."""

    nodes: np.ndarray
    rows: np.ndarray
    rejected: list[tuple[np.ndarray, str]]


class _NodeColumns:
    """Id columns of a batch as nodes, each looked up once: most edge sets of a table share them."""

    def __init__(self, batch: pa.RecordBatch, schema: GraphSchema, writer: GraphStoreWriter) -> None:
        self._batch, self._schema, self._writer = batch, schema, writer
        self._found: dict[tuple[Column, str], _Nodes] = {}

    def nodes(self, column: Column, node_set: str, selection: RowSelection) -> _Nodes:
        key = column, node_set
        if key not in self._found:
            self._found[key] = self._look_up(column, node_set)
        for rows, reason in self._found[key].rejected:
            selection.reject(rows, reason)
        return self._found[key]

    def _look_up(self, column: Column, node_set: str) -> _Nodes:
        rejections = _Rejections()
        ids = read_ids(self._batch, column, self._schema.node_sets[node_set].features[ID].dtype, rejections)
        nodes = self._writer.node_index(node_set).lookup(ids.values.to_numpy(zero_copy_only=False))
        unknown = np.zeros(self._batch.num_rows, bool)
        unknown[ids.rows[nodes < 0]] = True
        rejections.reject(unknown, f"{column.column}: is no known {node_set}")
        return _Nodes(nodes, ids.rows, rejections.found)


class _Rejections:
    """Stands in for a RowSelection and remembers what is rejected, for any number of selections."""

    def __init__(self) -> None:
        self.found: list[tuple[np.ndarray, str]] = []

    def reject(self, rows: np.ndarray, reason: str) -> None:
        if rows.any():
            self.found.append((rows, reason))


def _keep_wanted(batch: pa.RecordBatch, rows: EdgeRows, selection: RowSelection, facts: list[Fact]) -> None:
    """Keeps the rows that the source's `where` lets through, and counts them."""
    place, where, together = (rows.edge_set, rows.source.table), rows.source.where, np.ones(batch.num_rows, bool)
    for column, values in where.items():
        wanted, cells = values if isinstance(values, list) else [values], column_of(batch, column)
        try:
            matching, read = equals_any(cells, wanted)
        except ConfigurationError as error:
            raise ConfigurationError(f"edge_sets.{rows.edge_set}: where: column '{column}': {error}") from error
        reject_unreadable(read, column, selection)
        selection.kept &= matching
        together &= matching
        facts.append(count_matches(*place, column, wanted, cells, matching))
    if len(where) > 1:
        values = [f"{column}: {wanted}" for column, wanted in where.items()]
        none = pa.nulls(batch.num_rows, pa.string())
        facts.append(count_matches(*place, AND.join(where), [AND.join(values)], none, together))


def _read_edges(
    batch: pa.RecordBatch, source: EdgeSource, edge_set: EdgeSet, nodes: _NodeColumns, selection: RowSelection
) -> pa.RecordBatch:
    sources = nodes.nodes(as_column(source.source), edge_set.source, selection)
    targets = nodes.nodes(as_column(source.target), edge_set.target, selection)
    features = {
        name: read_feature(batch, as_column(column), edge_set.features[name], selection)
        for name, column in source.features.items()
    }
    if edge_set.timed:
        features[TIME] = column_of(batch, TIME)
    from_, to = _pairs(sources.rows, targets.rows, batch.num_rows)
    kept = selection.kept[sources.rows[from_]]
    from_, to = from_[kept], to[kept]
    rows = pa.array(sources.rows[from_])
    columns = {SOURCE: pa.array(sources.nodes[from_]), TARGET: pa.array(targets.nodes[to])}
    columns |= {name: column.take(rows) for name, column in features.items()}
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _pairs(source_rows: np.ndarray, target_rows: np.ndarray, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (position in sources, position in targets) of the same row; both are sorted by row."""
    targets_of_row = np.bincount(target_rows, minlength=num_rows)
    first_of_row = np.cumsum(targets_of_row) - targets_of_row
    counts = targets_of_row[source_rows]
    from_ = np.repeat(np.arange(len(source_rows)), counts)
    place = np.arange(len(from_)) - np.repeat(np.cumsum(counts) - counts, counts)
    return from_, first_of_row[source_rows[from_]] + place


def _swapped(edges: pa.RecordBatch) -> pa.RecordBatch:
    names = [{SOURCE: TARGET, TARGET: SOURCE}.get(name, name) for name in edges.schema.names]
    return pa.RecordBatch.from_arrays(edges.columns, names=names)


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return column_of(batch, name).to_numpy()
