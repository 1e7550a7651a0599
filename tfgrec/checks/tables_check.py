"""Compares a tables.yaml with its graph.pbtxt: each has to name exactly what the other one names."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tfgrec.checks.derived_check import derived_mismatches
from tfgrec.close_match import suggestion
from tfgrec.config.tables import Column, ColumnOrName, EdgeSource, TablesConfig, TimePart, as_column
from tfgrec.data.target_edges import leaking_edge_sets
from tfgrec.errors import SchemaError
from tfgrec.graph.computed.computed_features import KINDS
from tfgrec.graph.schema import ID, ITEM_READOUT, READOUT, TIME, USER_READOUT, EdgeSet, Feature, GraphSchema


def check_tables(schema: GraphSchema, tables: TablesConfig, origin: str | Path) -> None:
    """Compares tables.yaml (at `origin`) with graph.pbtxt: each has to name exactly what the other one names.

    Raises:
      SchemaError: names all keys that don't fit.
    """
    problems = [*_node_set_mismatches(schema, tables), *_edge_set_mismatches(schema, tables)]
    problems += _request_mismatches(schema, tables)
    problems += [problem for kind in KINDS for problem in kind.mismatches(schema, tables)]
    problems += _leaking_edges(schema, tables)
    if problems:
        raise SchemaError("\n".join(f"{origin}: {problem}" for problem in problems))


def _node_set_mismatches(schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    yield from _differing_names("node_sets", tables.node_sets, schema.stored_node_sets)
    for name, source in tables.node_sets.items():
        yield from _unknown_table(f"node_sets.{name}.table", source.table, tables)
        if name in schema.stored_node_sets:
            declared = {key: value for key, value in schema.node_sets[name].features.items() if key != ID}
            yield from _feature_mismatches(f"node_sets.{name}.features", source.features, declared)


def _edge_set_mismatches(schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    yield from _differing_names("edge_sets", tables.edge_sets, schema.stored_edge_sets)
    for name, edge_set in tables.edge_sets.items():
        if name not in schema.stored_edge_sets:
            continue
        if edge_set.reverse_of is not None:
            yield from _reverse_mismatches(name, edge_set.reverse_of, schema, tables)
        if edge_set.derived is not None:
            yield from derived_mismatches(name, edge_set.derived, schema, tables)
        for number, source in enumerate(edge_set.sources):
            where = f"edge_sets.{name}.sources.{number}"
            yield from _edge_source_mismatches(where, source, schema.edge_sets[name], tables)


def _leaking_edges(schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    for name, table in leaking_edge_sets(schema, tables):
        # Of a table with a time it is said elsewhere that its edges need one.
        if tables.tables[table].time is None:
            yield (
                f"edge_sets.{name}: its edges have no times, and table '{table}' is a log of requests, each of which "
                f"would see what it led to: give the table its time, and the edge set a feature '{TIME}' in graph.pbtxt"
            )


def _reverse_mismatches(name: str, reverse_of: str, schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    where = f"edge_sets.{name}.reverse_of"
    if reverse_of not in tables.edge_sets or reverse_of not in schema.stored_edge_sets:
        yield f"{where}: unknown edge set '{reverse_of}': {suggestion(reverse_of, tables.edge_sets)}"
        return
    if not tables.edge_sets[reverse_of].sources:
        yield f"{where}: '{reverse_of}' is a reverse or derived itself: name an edge set that has sources"
    backward, forward = schema.edge_sets[name], schema.edge_sets[reverse_of]
    if (backward.source, backward.target) != (forward.target, forward.source):
        yield (
            f"{where}: '{reverse_of}' goes from '{forward.source}' to '{forward.target}', but '{name}' from "
            f"'{backward.source}' to '{backward.target}' in graph.pbtxt"
        )
    if backward.features != forward.features:
        yield f"{where}: '{name}' and '{reverse_of}' have different features in graph.pbtxt"
    own, delay = tables.edge_sets[name].feedback_delay_seconds, tables.edge_sets[reverse_of].feedback_delay_seconds
    if own != delay:
        yield f"edge_sets.{name}.feedback_delay_seconds: expected that of '{reverse_of}', {delay}, received {own}"


def _edge_source_mismatches(where: str, source: EdgeSource, declared: EdgeSet, tables: TablesConfig) -> Iterator[str]:
    features = {key: value for key, value in declared.features.items() if key != TIME}
    yield from _feature_mismatches(f"{where}.features", source.features, features)
    if source.table not in tables.tables:
        yield from _unknown_table(f"{where}.table", source.table, tables)
        return
    has_time = tables.tables[source.table].time is not None
    if has_time and not declared.timed:
        yield f"{where}: table '{source.table}' has a time, so the edge set needs a feature '{TIME}' in graph.pbtxt"
    if declared.timed and not has_time:
        yield f"{where}: the edge set has a feature '{TIME}' in graph.pbtxt, but table '{source.table}' has no time"


def _request_mismatches(schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    requests = tables.requests
    user_set, item_sets = schema.edge_sets[USER_READOUT].source, schema.item_readouts()
    if requests.user_node_set != user_set:
        yield f"requests.user_node_set: expected '{user_set}', the source of '{USER_READOUT}' in graph.pbtxt"
    for number, source in enumerate(requests.sources):
        where = f"requests.sources.{number}"
        yield from _unknown_table(f"{where}.table", source.table, tables)
        if source.table in tables.tables and tables.tables[source.table].time is None:
            yield f"{where}.table: requests need a time, and table '{source.table}' has none"
        if source.item_node_set not in item_sets:
            hint = suggestion(source.item_node_set, item_sets)
            yield f"{where}.item_node_set: '{source.item_node_set}' has no '{ITEM_READOUT}' edge set: {hint}"
    declared = schema.node_sets[READOUT].features
    groups = {"features": requests.features, "labels": requests.labels}
    groups |= {kind.section: getattr(requests, kind.section) for kind in KINDS}
    for name in declared:
        feeding = [group for group, members in groups.items() if name in members]
        if len(feeding) != 1:
            found = ", ".join(feeding) or f"none of {', '.join(groups)}"
            yield f"requests: '{name}' of '{READOUT}' is to be fed once, and is in {found}"
    for group, members in groups.items():
        for name in members:
            yield from _readout_feature_mismatches(f"requests.{group}", name, members[name], declared)


def _readout_feature_mismatches(
    where: str, name: str, source: object, declared: Mapping[str, Feature]
) -> Iterator[str]:
    if name not in declared:
        yield f"{where}: '{name}' is no feature of '{READOUT}' in graph.pbtxt: {suggestion(name, declared)}"
        return
    expected = None if where == "requests.features" else "float32"
    if isinstance(source, TimePart):
        expected = "int64"
    if expected and declared[name] != Feature(expected):
        yield f"{where}.{name}: expected a scalar {expected} in graph.pbtxt, received {declared[name].dtype}"
    if isinstance(source, str | Column):
        yield from _separator_mismatch(f"{where}.{name}", source, declared[name])


def _differing_names(where: str, given: Collection[str], declared: Collection[str]) -> Iterator[str]:
    for name in given:
        if name not in declared:
            yield f"{where}: '{name}' is not in graph.pbtxt: {suggestion(name, declared)}"
    for name in declared:
        if name not in given:
            yield f"{where}: '{name}' of graph.pbtxt is missing"


def _unknown_table(where: str, table: str, tables: TablesConfig) -> Iterator[str]:
    if table not in tables.tables:
        yield f"{where}: unknown table '{table}': {suggestion(table, tables.tables)}"


def _feature_mismatches(
    where: str, given: Mapping[str, ColumnOrName], declared: Mapping[str, Feature]
) -> Iterator[str]:
    yield from _differing_names(where, given, declared)
    for name, column in given.items():
        if name in declared:
            yield from _separator_mismatch(f"{where}.{name}", column, declared[name])


def _separator_mismatch(where: str, column: ColumnOrName, declared: Feature) -> Iterator[str]:
    if as_column(column).separator is not None and not declared.multi_valued:
        yield f"{where}: a separator makes several values, but in graph.pbtxt the feature has no shape"
