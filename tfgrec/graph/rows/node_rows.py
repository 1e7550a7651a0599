"""Rows of tables as nodes: ids and features read, bad rows found."""

from collections.abc import Sequence

import pyarrow as pa

from tfgrec.config.tables import NodeSetSource, TablesConfig, as_column
from tfgrec.graph.rows.features import read_feature, read_ids
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.schema import ID, NodeSet
from tfgrec.graph.store.columns import column_of

DUPLICATE_ID = "is the id of an earlier row too"


def node_sets_by_table(tables: TablesConfig) -> dict[str, dict[str, NodeSetSource]]:
    """The node sets that each table feeds."""
    by_table: dict[str, dict[str, NodeSetSource]] = {}
    for name, source in tables.node_sets.items():
        by_table.setdefault(source.table, {})[name] = source
    return by_table


def node_set_columns(source: NodeSetSource) -> list[str]:
    """The columns that a node set is read from."""
    return [as_column(column).column for column in (source.id, *source.features.values())]


def read_nodes(
    batch: pa.RecordBatch, source: NodeSetSource, node_set: NodeSet, checks: RowChecks, places: Sequence[str] = ()
) -> pa.RecordBatch:
    """The nodes that rows name, `#id` and features, of featured ones the columns `places` too; bad rows left out."""
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
    placed = {name: column_of(batch, name) for name in places}
    columns = {name: column.take(rows) for name, column in {**features, **placed}.items()}
    return pa.RecordBatch.from_arrays([values, *columns.values()], names=[ID, *columns])
