"""Rows of tables as edges: ids looked up among the nodes, rows found bad that name unknown ones."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from tfgrec.config.tables import Column, EdgeSource, Scalar, TablesConfig, as_column
from tfgrec.errors import ConfigurationError
from tfgrec.graph.rows.cells import Cells
from tfgrec.graph.rows.comparisons import equals_any
from tfgrec.graph.rows.features import read_feature, read_ids, reject_unreadable
from tfgrec.graph.rows.row_checks import RowSelection
from tfgrec.graph.schema import ID, SOURCE, TARGET, EdgeSet, GraphSchema
from tfgrec.graph.store.columns import column_of

# Milliseconds since 1970, a column beside a table's own.
ROW_TIME = "#time"

# Node set, raw ids -> dense ids, -1 for unknown ones.
LookUp = Callable[[str, np.ndarray], np.ndarray]


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


@dataclasses.dataclass(frozen=True)
class _Nodes:
    """Dense ids `[num_ids]` that rows name, the row of each, the rows `[num_rows]` that name an unknown one, and those
    rejected for each reason."""

    nodes: np.ndarray
    rows: np.ndarray
    unknown: np.ndarray
    rejected: list[tuple[np.ndarray, str]]


class NodeColumns:
    """Id columns of a batch as nodes, each looked up once: most edge sets of a table share them."""

    def __init__(self, batch: pa.RecordBatch, schema: GraphSchema, look_up: LookUp) -> None:
        self._batch, self._schema, self._look_up_ids = batch, schema, look_up
        self._found: dict[tuple[Column, str], _Nodes] = {}

    def nodes(self, column: Column, node_set: str, selection: RowSelection) -> _Nodes:
        """The nodes of a column; rows that name none are rejected."""
        found = self._find(column, node_set)
        for rows, reason in found.rejected:
            selection.reject(rows, reason)
        return found

    def unknown(self, column: Column, node_set: str) -> np.ndarray:
        """Which rows, bool `[num_rows]`, name a node in a column that is not known."""
        return self._find(column, node_set).unknown

    def _find(self, column: Column, node_set: str) -> _Nodes:
        key = column, node_set
        if key not in self._found:
            self._found[key] = self._look_up(column, node_set)
        return self._found[key]

    def _look_up(self, column: Column, node_set: str) -> _Nodes:
        rejections = _Rejections()
        ids = read_ids(self._batch, column, self._schema.node_sets[node_set].features[ID].dtype, rejections)
        nodes = self._look_up_ids(node_set, ids.values.to_numpy(zero_copy_only=False))
        unknown = np.zeros(self._batch.num_rows, bool)
        unknown[ids.rows[nodes < 0]] = True
        for rows, _ in rejections.found:
            # What stands in for an id that can't be read is no id.
            unknown &= ~rows
        rejections.reject(unknown, f"{column.column}: is no known {node_set}")
        return _Nodes(nodes, ids.rows, unknown, rejections.found)


class _Rejections:
    """Stands in for a RowSelection and remembers what is rejected, for any number of selections."""

    def __init__(self) -> None:
        self.found: list[tuple[np.ndarray, str]] = []

    def reject(self, rows: np.ndarray, reason: str) -> None:
        if rows.any():
            self.found.append((rows, reason))


@dataclasses.dataclass(frozen=True)
class Matches:
    """Which rows, bool `[num_rows]`, have one of the wanted values in a column of a `where`, and the cells as read."""

    column: str
    wanted: list[Scalar]
    cells: Cells
    matching: np.ndarray


def keep_wanted(batch: pa.RecordBatch, rows: EdgeRows, selection: RowSelection) -> Iterator[Matches]:
    """Keeps the rows that the source's `where` lets through, once all that it yields has been taken."""
    for column, values in rows.source.where.items():
        wanted, cells = values if isinstance(values, list) else [values], column_of(batch, column)
        try:
            matching, read = equals_any(cells, wanted)
        except ConfigurationError as error:
            raise ConfigurationError(f"edge_sets.{rows.edge_set}: where: column '{column}': {error}") from error
        reject_unreadable(read, column, selection)
        selection.kept &= matching
        yield Matches(column, wanted, cells, matching)


def read_edges(
    batch: pa.RecordBatch, source: EdgeSource, edge_set: EdgeSet, nodes: NodeColumns, selection: RowSelection
) -> pa.RecordBatch:
    """The edges of rows that are kept: SOURCE, TARGET, ROW_TIME where the edge set is timed, and features."""
    sources = nodes.nodes(as_column(source.source), edge_set.source, selection)
    targets = nodes.nodes(as_column(source.target), edge_set.target, selection)
    features = {
        name: read_feature(batch, as_column(column), edge_set.features[name], selection)
        for name, column in source.features.items()
    }
    if edge_set.timed:
        features[ROW_TIME] = column_of(batch, ROW_TIME)
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


def swapped(edges: pa.RecordBatch) -> pa.RecordBatch:
    """The edges of a reverse edge set."""
    names = [{SOURCE: TARGET, TARGET: SOURCE}.get(name, name) for name in edges.schema.names]
    return pa.RecordBatch.from_arrays(edges.columns, names=names)
