"""Which columns hold several values a row: nothing in a tf.Example tells one value from a list of one."""

from collections.abc import Iterator

from tfgrec.config.tables import ColumnOrName, TablesConfig, TimePart, as_column
from tfgrec.graph.schema import READOUT, Feature, GraphSchema

_Use = tuple[str, ColumnOrName, Feature | None]


def columns_of_several(tables: TablesConfig, schema: GraphSchema) -> dict[str, frozenset[str]]:
    """By table, the columns that feed a multi-valued feature, or that `separator` says have several values."""
    found: dict[str, set[str]] = {name: set() for name in tables.tables}
    for table, column, feature in (*_node_uses(tables, schema), *_edge_uses(tables), *_request_uses(tables, schema)):
        if as_column(column).separator is not None or (feature is not None and feature.multi_valued):
            found[table].add(as_column(column).column)
    return {name: frozenset(columns) for name, columns in found.items()}


def _node_uses(tables: TablesConfig, schema: GraphSchema) -> Iterator[_Use]:
    for name, source in tables.node_sets.items():
        yield source.table, source.id, None
        for feature, column in source.features.items():
            yield source.table, column, schema.node_sets[name].features[feature]


def _edge_uses(tables: TablesConfig) -> Iterator[_Use]:
    for edge_set in tables.edge_sets.values():
        for source in edge_set.sources:
            for column in (source.source, source.target, *source.features.values()):
                yield source.table, column, None


def _request_uses(tables: TablesConfig, schema: GraphSchema) -> Iterator[_Use]:
    readout = schema.node_sets[READOUT].features
    for source in tables.requests.sources:
        for name, column in {**tables.requests.features, **tables.requests.labels}.items():
            if not isinstance(column, TimePart):
                yield source.table, column, readout[name]
