"""Rows of tables that came as events, as the nodes and edges that the Beam job would make of them."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from tfgrec.close_match import suggestion
from tfgrec.config.tables import TablesConfig, as_column
from tfgrec.errors import InputDataError
from tfgrec.graph.log.overlaid_nodes import OverlaidNodes
from tfgrec.graph.rows.dated_rows import with_times
from tfgrec.graph.rows.edge_rows import (
    SOURCE,
    TARGET,
    EdgeRows,
    NodeColumns,
    edge_columns,
    edges_by_table,
    keep_wanted,
    read_edges,
    swapped,
)
from tfgrec.graph.rows.node_rows import DUPLICATE_ID, node_set_columns, node_sets_by_table, read_nodes
from tfgrec.graph.rows.plain_columns import plain_columns
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.schema import ID, GraphSchema
from tfgrec.graph.store.columns import column_of


@dataclasses.dataclass(frozen=True)
class ReadRows:
    """What rows hold: new nodes by node set, edges by edge set (reverses included), and rows that wait for nodes.

    `edges` have the columns SOURCE, TARGET, TIME where timed, and features. Waiting rows name ids that are unknown.
    """

    edges: list[tuple[str, pa.RecordBatch]]
    waiting: list[tuple[EdgeRows, pa.RecordBatch]]


class EventRows:
    """Reads rows of any table that feeds the graph.

    Args:
      tables: the tables, and what they feed.
      schema: of the graph.
      nodes: the nodes that are known, by node set: `read_nodes` adds to them.
    """

    def __init__(self, tables: TablesConfig, schema: GraphSchema, nodes: Mapping[str, OverlaidNodes]) -> None:
        self._tables, self._schema, self._nodes = tables, schema, nodes
        self._node_sets, self._edges = node_sets_by_table(tables), edges_by_table(tables)

    def columns(self, table: str) -> list[str]:
        """The columns of a table that the graph is made from.

        Raises:
          InputDataError: the table is unknown, feeds no part of the graph, or is dated back as a whole.
        """
        fed = {*self._node_sets, *self._edges}
        if table not in fed:
            raise InputDataError(f"events: unknown table '{table}': {suggestion(table, sorted(fed))}")
        time = self._tables.tables[table].time
        if time is not None and time.counted_back is not None:
            raise InputDataError(f"events: table '{table}': counted_back dates need the whole log")
        of_nodes = [name for source in self._node_sets.get(table, {}).values() for name in node_set_columns(source)]
        of_edges = [name for rows in self._edges.get(table, ()) for name in edge_columns(rows.source)]
        return list(dict.fromkeys([*of_nodes, *of_edges, *([time.column] if time is not None else ())]))

    def chosen(self, table: str, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The columns of rows that the graph is made from, in types that cells are read from.

        Raises:
          InputDataError: a column is missing or holds no values, or text is no UTF-8.
        """
        names = self.columns(table)
        missing = [name for name in names if name not in rows.schema.names]
        if missing:
            raise InputDataError(f"events: table '{table}': columns are missing: {', '.join(missing)}")
        batch = pa.RecordBatch.from_arrays([column_of(rows, name) for name in names], names=names)
        batch, broken = plain_columns(batch)
        if broken.any():
            raise InputDataError(f"events: table '{table}': row {int(np.argmax(broken))}: is not UTF-8 text")
        return batch

    def check(self, table: str, rows: pa.RecordBatch) -> ReadRows:
        """Refuses rows that the job would set aside, but for those that name nodes which may still come.

        Returns:
          What `read` returns, as long as no node is added.

        Raises:
          InputDataError: names the first bad row and what is wrong with it.
        """
        checks = RowChecks(rows.num_rows)
        for name, source in self._node_sets.get(table, {}).items():
            nodes = read_nodes(rows, source, self._schema.node_sets[name], checks)
            if source.features:
                ids = column_of(nodes, ID).to_numpy(zero_copy_only=False)
                seen = set()
                for raw, known in zip(ids.tolist(), (self._nodes[name].lookup(ids) >= 0).tolist(), strict=True):
                    if known or raw in seen:
                        raise InputDataError(
                            f"events: table '{table}': {as_column(source.id).column} {raw!r} {DUPLICATE_ID}"
                        )
                    seen.add(raw)
        read = self._read_edges(table, rows, checks, self._edges.get(table, ()))
        places, reasons = checks.bad_rows()
        if len(places):
            raise InputDataError(f"events: table '{table}': row {int(places[0])}: {reasons[0]}")
        return read

    def add_nodes(self, table: str, rows: pa.RecordBatch) -> int:
        """Adds the nodes of rows that are new; returns how many."""
        added = 0
        for name, source in self._node_sets.get(table, {}).items():
            read = read_nodes(rows, source, self._schema.node_sets[name], RowChecks(rows.num_rows))
            ids = column_of(read, ID).to_numpy(zero_copy_only=False)
            new = np.flatnonzero(self._nodes[name].lookup(ids) < 0)
            # The first row that names an id wins.
            _, first = np.unique(ids[new].astype(object) if ids.dtype == object else ids[new], return_index=True)
            chosen = read.take(pa.array(new[np.sort(first)]))
            added += self._nodes[name].add(dict(zip(chosen.schema.names, chosen.columns, strict=True)))
        return added

    def read(self, table: str, rows: pa.RecordBatch) -> ReadRows:
        """The edges of rows, and those of the rows that wait, by what they are to feed."""
        return self._read_edges(table, rows, RowChecks(rows.num_rows), self._edges.get(table, ()))

    def read_again(self, rows: EdgeRows, waiting: pa.RecordBatch) -> ReadRows:
        """As `read`, of rows that waited."""
        return self._read_edges(rows.source.table, waiting, RowChecks(waiting.num_rows), [rows])

    def _read_edges(self, table: str, rows: pa.RecordBatch, checks: RowChecks, uses: Iterator[EdgeRows]) -> ReadRows:
        dated, readable = self._dated(table, rows, checks)
        nodes = NodeColumns(dated, self._schema, lambda name, ids: self._nodes[name].lookup(ids))
        found = ReadRows([], [])
        for use in uses:
            edge_set, selection = self._schema.edge_sets[use.edge_set], checks.selection(readable)
            for _ in keep_wanted(dated, use, selection):
                pass
            unknown = nodes.unknown(as_column(use.source.source), edge_set.source)
            unknown = selection.kept & (unknown | nodes.unknown(as_column(use.source.target), edge_set.target))
            if unknown.any():
                found.waiting.append((use, rows.filter(pa.array(unknown))))
                selection.kept &= ~unknown
            edges = read_edges(dated, use.source, edge_set, nodes, selection)
            if edges.num_rows:
                found.edges.append((use.edge_set, edges))
                found.edges.extend((reverse, swapped(edges)) for reverse in use.reverses)
        return found

    def _dated(self, table: str, rows: pa.RecordBatch, checks: RowChecks) -> tuple[pa.RecordBatch, np.ndarray]:
        """The rows with TIME, where the table has times, and which of these, bool `[num_rows]`, can be read."""
        time, selection = self._tables.tables[table].time, checks.selection()
        if time is None:
            return rows, selection.kept
        return with_times(rows, time, selection), selection.kept


def joined(
    edges: list[tuple[str, pa.RecordBatch]],
) -> Iterator[tuple[str, np.ndarray, np.ndarray, dict[str, pa.Array]]]:
    """Edge set, sources, targets and other columns of edges, each edge set once."""
    by_set: dict[str, list[pa.RecordBatch]] = {}
    for name, batch in edges:
        by_set.setdefault(name, []).append(batch)
    for name, batches in by_set.items():
        columns = {
            key: pa.concat_arrays([column_of(batch, key) for batch in batches]) for key in batches[0].schema.names
        }
        yield name, columns.pop(SOURCE).to_numpy(), columns.pop(TARGET).to_numpy(), columns
