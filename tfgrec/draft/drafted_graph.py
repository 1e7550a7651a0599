"""The graph that tables and roles make: node sets, edge sets, request features and counts."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from tfgrec.draft.drafted_features import DraftedFeature, draft_features
from tfgrec.draft.roles import Roles, has_one_time_a_user, keys_of, names_for, node_set_of, refers, stem
from tfgrec.draft.table_looks import ColumnLook, TableLook
from tfgrec.draft.time_guess import TimeGuess, time_of
from tfgrec.graph.schema import DType, Feature

SHOWN = "shown"
_ID_NAME = re.compile(r"(_id|[a-z]I[dD])$")
# Of the rows of a column that has no table of its own, as many may name a value that no other row names.
_MOST_LONE = 0.95


@dataclasses.dataclass
class DraftedNodes:
    """A node set: where its ids come from, their type, and its features."""

    table: str
    id: str
    dtype: DType
    features: dict[str, DraftedFeature] = dataclasses.field(default_factory=dict)
    why: str = ""


@dataclasses.dataclass
class DraftedEdges:
    """An edge set between two node sets, whose reverse is named too; features are columns of its table."""

    source: str
    target: str
    reverse: str
    table: str
    columns: tuple[str, str]
    timed: bool
    where: dict[str, int] = dataclasses.field(default_factory=dict)
    features: dict[str, DraftedFeature] = dataclasses.field(default_factory=dict)
    why: str = ""


@dataclasses.dataclass
class DraftedGraph:
    """All that graph.pbtxt and tables.yaml say; `left` has what was left out, by table or table.column, and why."""

    roles: Roles
    tables: dict[str, tuple[TableLook, TimeGuess | None]]
    nodes: dict[str, DraftedNodes]
    edges: dict[str, DraftedEdges]
    degrees: dict[str, dict[str, Any]]
    left: dict[str, str]

    @property
    def labels(self) -> list[str]:
        """Labels, the rating among them."""
        return [*self.roles.labels, *([self.roles.rating] if self.roles.rating else [])]

    @property
    def outcome(self) -> str:
        """The edge set that tells most of tastes: that of the label nearest to one half, or of all rows."""
        return with_label(self.roles.labels[0]) if self.roles.labels else SHOWN


def with_label(label: str) -> str:
    """The edge set of the rows whose label is 1."""
    return f"with_{label}"


def draft_graph(tables: Mapping[str, TableLook], roles: Roles) -> DraftedGraph:
    """Puts users, items and the log together, and beside them what ids in their tables lead to, and other logs."""
    graph = DraftedGraph(roles, {roles.log.name: (roles.log, roles.time)}, {}, {}, _degrees(roles), {})
    for entity in (roles.users, roles.items):
        _add_table(graph, tables, entity.node_set, entity.table, entity.id)
    _add_log(graph)
    for table in tables.values():
        if table.name not in graph.tables:
            _add_other_log(graph, tables, table)
    # One that is no log may have become what a later one leads to.
    graph.left = {name: why for name, why in graph.left.items() if name not in graph.tables}
    return graph


def _add_table(graph: DraftedGraph, tables: Mapping[str, TableLook], node_set: str, table: TableLook, key: str) -> None:
    """A node set with features and, one step on, the node sets that its ids lead to."""
    is_log = table is graph.roles.log
    nodes = DraftedNodes(table.name, key, table.columns[key].dtype)
    graph.nodes[node_set] = nodes
    if is_log:
        return
    graph.tables[table.name] = (table, None)
    led = {
        name: look
        for name, look in table.columns.items()
        if name != key and (_ID_NAME.search(name) or _key_of(tables, table, look))
    }
    for look in led.values():
        _lead_on(graph, tables, node_set, table, key, look)
    nodes.features, left = draft_features(table, {key, *led})
    graph.left |= {f"{table.name}.{name}": why for name, why in left.items()}


def _lead_on(
    graph: DraftedGraph, tables: Mapping[str, TableLook], node_set: str, table: TableLook, key: str, look: ColumnLook
) -> None:
    """Edges from a table's nodes to those that an id column of it names."""
    known = _key_of(tables, table, look)
    if known is not None:
        target, of_key = known
        name = node_set_of(of_key, target)
        if name == node_set or (name in graph.nodes and graph.nodes[name].table != target.name):
            graph.left[f"{table.name}.{look.name}"] = f"leads to '{name}', which is another node set already"
            return
        why = f"{table.name}.{look.name} names ids of {target.name}.{of_key}"
        if name not in graph.nodes:
            _add_table(graph, tables, name, target, of_key)
    else:
        name = stem(look.name)
        is_key = (
            look.dtype in ("int64", "string") and not look.several and 2 <= look.distinct <= _MOST_LONE * table.rows
        )
        if not name or name in graph.nodes or not is_key or look.empty > 0.01 * table.rows:
            graph.left[f"{table.name}.{look.name}"] = "is an id that no table has, with empty cells or few that agree"
            return
        graph.nodes[name] = DraftedNodes(table.name, look.name, look.dtype, why="an id without a table of its own")
        why = f"{look.distinct:,} different ids in {table.rows:,} rows"
    edges = DraftedEdges(node_set, name, f"{name}_to_{node_set}", table.name, (key, look.name), timed=False, why=why)
    graph.edges[f"{node_set}_to_{name}"] = edges


def _key_of(tables: Mapping[str, TableLook], table: TableLook, look: ColumnLook) -> tuple[TableLook, str] | None:
    """The table and the id column that a column's values are ids of, by its name and by its values."""
    for other in tables.values():
        for key in keys_of(other)[:1] if other is not table else ():
            if look.name.lower() in names_for(other, key) and refers(table, look, other.columns[key]):
                return other, key
    return None


def _add_log(graph: DraftedGraph) -> None:
    roles = graph.roles
    users, items, log = roles.users, roles.items, roles.log
    ends = {"source": users.node_set, "target": items.node_set, "table": log.name}
    columns = (users.in_log, items.in_log)
    features = {
        name: DraftedFeature(name, Feature("float32"), missing=-1 if log.columns[name].empty else None)
        for name in graph.labels
    }
    graph.edges[SHOWN] = DraftedEdges(
        **ends, reverse=f"{SHOWN}_by", columns=columns, timed=True, features=features, why="all rows of the log"
    )
    for label in roles.labels:
        name = with_label(label)
        graph.edges[name] = DraftedEdges(
            **ends, reverse=f"{name}_by", columns=columns, timed=True, where={label: 1}, why=f"the rows with {label}"
        )


def _add_other_log(graph: DraftedGraph, tables: Mapping[str, TableLook], table: TableLook) -> None:
    """Edges from users along a table that names them and other ids, if it has times."""
    users = graph.roles.users
    key = users.table.columns[users.id]
    own = [
        name
        for name, look in table.columns.items()
        if name.lower() in {users.in_log.lower(), *names_for(users.table, users.id)} and refers(table, look, key)
    ]
    led = {
        name: found
        for name, look in table.columns.items()
        if name not in own and (found := _key_of(tables, table, look)) is not None
    }
    time = time_of(table, None)
    if len(own) != 1 or len(led) != 1:
        graph.left[table.name] = (
            "is no log of users and one other kind of ids, and no table that has 99% of the log's ids as its key"
        )
    elif time is None:
        graph.left[table.name] = "has no times: requests would see what came after them"
    elif has_one_time_a_user(table, time):
        graph.left[table.name] = (
            f"dates all rows of a user alike ('{time.column.column}'): if they have an order, give it by "
            "tables.<name>.time.counted_back"
        )
    else:
        [(column, (target, of_key))] = led.items()
        name = node_set_of(of_key, target)
        if name not in graph.nodes:
            _add_table(graph, tables, name, target, of_key)
        graph.tables[table.name] = (table, time)
        why = f"{table.name}.{column} names ids of {target.name}.{of_key}"
        ends = {"source": users.node_set, "target": name, "table": table.name, "columns": (own[0], column)}
        graph.edges[table.name] = DraftedEdges(**ends, reverse=f"{table.name}_by", timed=True, why=why)


def _degrees(roles: Roles) -> dict[str, dict[str, Any]]:
    """Counts of the user's and the item's edges before the request, and the mean of ratings."""
    degrees: dict[str, dict[str, Any]] = {}
    edge_sets = {SHOWN: SHOWN, **{label: with_label(label) for label in roles.labels}}
    for of, suffix in (("user", ""), ("item", "_by")):
        for name, edge_set in edge_sets.items():
            degrees[f"{of}_{name}"] = {"of": of, "edge_set": f"{edge_set}{suffix}"}
        degrees[f"{of}_since_{SHOWN}"] = {"of": of, "edge_set": f"{SHOWN}{suffix}", "measure": "seconds_since_last"}
        if roles.rating is not None:
            mean = {"of": of, "edge_set": f"{SHOWN}{suffix}", "measure": "mean", "feature": roles.rating}
            degrees[f"{of}_mean_{roles.rating}"] = mean
    return degrees
