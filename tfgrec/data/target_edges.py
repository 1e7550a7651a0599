"""Edges that would tie a request's user to its candidates by what the request itself brought about."""

from collections.abc import Iterator

from tfgrec.config.tables import TablesConfig
from tfgrec.data.table_paths import TablePath
from tfgrec.graph.schema import TIME, USER_READOUT, GraphSchema


def edge_sets_between_users_and_items(schema: GraphSchema) -> dict[str, str]:
    """Edge sets, in either direction, between the users and a node set of items: name -> the items' node set."""
    user_set = schema.edge_sets[USER_READOUT].source
    found = {}
    for item_set in schema.item_readouts():
        for name, edges in schema.stored_edge_sets.items():
            if sorted((edges.source, edges.target)) == sorted((user_set, item_set)):
                found[name] = item_set
    return found


def leaking_edge_sets(schema: GraphSchema, tables: TablesConfig) -> Iterator[tuple[str, str]]:
    """Edge sets without times between users and items that a log of requests feeds, each with the table that does it.

    Nothing hides their edges from the request that they are of. A table counts as a log of requests where it shares
    files with one, under whatever name. In the schema of records, an edge set that only a history lists counts too.
    """
    paths = {name: table.path for name, table in tables.tables.items()}
    logs = {paths[source.table] for source in tables.requests.sources if source.table in paths}
    for name in _untimed_edge_sets(schema):
        if name not in tables.edge_sets:
            continue
        fed = tables.edge_sets.get(tables.edge_sets[name].reverse_of or name)
        for table in dict.fromkeys(source.table for source in (fed.sources if fed else [])):
            if any(_share_files(paths.get(table, ""), log) for log in logs):
                yield name, table


def _untimed_edge_sets(schema: GraphSchema) -> list[str]:
    """Edge sets without times between users and items."""
    between = [name for name in edge_sets_between_users_and_items(schema) if not schema.edge_sets[name].timed]
    items = schema.item_readouts()
    listed = [
        history.of_edge_set
        for history in schema.history_node_sets.values()
        if history.target in items and TIME not in history.features
    ]
    return list(dict.fromkeys([*between, *listed]))


def _share_files(path: str, other: str) -> bool:
    return path == other or TablePath(path).matches(other) or TablePath(other).matches(path)
