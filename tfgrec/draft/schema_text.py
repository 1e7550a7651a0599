"""graph.pbtxt and tables.yaml of a drafted graph, as text with comments."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from tfgrec.config.each import EACH, PLACE
from tfgrec.config.encodings import TimePartName
from tfgrec.draft.drafted_features import DraftedFeature
from tfgrec.draft.drafted_graph import DraftedEdges, DraftedGraph, with_label
from tfgrec.graph.schema import ID, ITEM_READOUT, READOUT, TIME, USER_READOUT, Feature

_DTYPES = {"int64": "DT_INT64", "float32": "DT_FLOAT", "string": "DT_STRING"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# YAML reads these as something else than text.
_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
_TIME_FEATURE = {TIME: Feature("int64")}
TIME_PARTS: tuple[TimePartName, ...] = get_args(TimePartName)


def plain_yaml(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{plain_yaml(key)}: {plain_yaml(of)}" for key, of in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(plain_yaml, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def graph_text(graph: DraftedGraph) -> str:
    """The text of graph.pbtxt."""
    roles = graph.roles
    lines = [
        "# Node sets, edge sets, features and their types: a TF-GNN GraphSchema, drafted by tfgrec-init.",
        "# tables.yaml says which columns feed them, and why they were taken for what they are.",
        _features("context", _TIME_FEATURE),
    ]
    for name, nodes in graph.nodes.items():
        features = {ID: Feature(nodes.dtype), **{key: of.feature for key, of in nodes.features.items()}}
        lines.append(_set("node_sets", name, "", features))
    lines.append(_set("node_sets", READOUT, "", _readout(graph)))
    for name, edges in graph.edges.items():
        features = {**(_TIME_FEATURE if edges.timed else {}), **{key: of.feature for key, of in edges.features.items()}}
        lines.append(_set("edge_sets", name, _ends(edges.source, edges.target), features))
        lines.append(_set("edge_sets", edges.reverse, _ends(edges.target, edges.source), features))
    lines.append(_set("edge_sets", USER_READOUT, _ends(roles.users.node_set, READOUT), {}))
    lines.append(_set("edge_sets", ITEM_READOUT, _ends(roles.items.node_set, READOUT), {}))
    return "\n".join(lines) + "\n"


def tables_text(graph: DraftedGraph, first_line: str) -> str:
    """The text of tables.yaml, under a line for editors."""
    return "\n".join([first_line, *_tables_lines(graph)]) + "\n"


def _tables_lines(graph: DraftedGraph) -> Iterator[str]:
    roles = graph.roles
    yield "# Which file and column feeds what graph.pbtxt names: drafted by tfgrec-init. What it guessed says so."
    yield "tables:"
    for name, (table, time) in graph.tables.items():
        if name == roles.log.name:
            yield from _guess("  ", roles.why, "log", "time")
        described = {"path": table.path}
        if time is not None:
            described["time"] = time.column.model_dump(exclude_none=True)
        yield f"  {plain_yaml(name)}: {plain_yaml(described)}"
    yield ""
    yield "node_sets:"
    for name, nodes in graph.nodes.items():
        role = {roles.users.node_set: "users", roles.items.node_set: "items"}.get(name, "")
        yield from _guess("  ", {**roles.why, "": nodes.why}, role)
        yield f"  {plain_yaml(name)}:"
        yield f"    table: {plain_yaml(nodes.table)}"
        yield f"    id: {plain_yaml(nodes.id)}"
        if nodes.features:
            yield "    features:"
        for key, feature in nodes.features.items():
            yield f"      {plain_yaml(key)}: {plain_yaml(_column(feature))}  # guessed: {feature.why}"
        yield from (f"    # left out: {column}: {why}" for column, why in _left_of(graph, nodes.table, name))
    yield ""
    yield "edge_sets:"
    for name, edges in graph.edges.items():
        yield from _edge_lines(name, edges)
    yield ""
    yield from _request_lines(graph)
    tables_left = [f"# left out: table {name}: {why}" for name, why in graph.left.items() if "." not in name]
    yield from ["", *tables_left] if tables_left else []


def _edge_lines(name: str, edges: DraftedEdges) -> Iterator[str]:
    source: dict[str, Any] = {"table": edges.table, "source": edges.columns[0], "target": edges.columns[1]}
    if edges.where:
        source["where"] = edges.where
    if edges.features:
        source["features"] = {key: _column(of) for key, of in edges.features.items()}
    yield f"  {plain_yaml(name)}:  # guessed: {edges.why}"
    yield f"    sources: [{plain_yaml(source)}]"
    if edges.timed:
        yield "    feedback_delay_seconds: 60  # guessed: how long after a row's time its outcome is known"
    reverse = {"reverse_of": name, **({"feedback_delay_seconds": 60} if edges.timed else {})}
    yield f"  {plain_yaml(edges.reverse)}: {plain_yaml(reverse)}"


def _request_lines(graph: DraftedGraph) -> Iterator[str]:
    roles = graph.roles
    source = {
        "table": roles.log.name,
        "user": roles.users.in_log,
        "item": roles.items.in_log,
        "item_node_set": roles.items.node_set,
        **({"group_by": [roles.scenario]} if roles.scenario else {}),
    }
    yield "requests:"
    yield f"  user_node_set: {plain_yaml(roles.users.node_set)}"
    yield f"  sources: [{plain_yaml(source)}]"
    yield "  features:"
    if roles.scenario is not None:
        yield from _guess("    ", roles.why, "scenario")
        yield f"    scenario: {plain_yaml(roles.scenario)}"
    for name in TIME_PARTS:
        yield f"    {name}: {{time_part: {name}}}  # UTC; utc_offset_hours: 8 for another zone"
    yield from _guess("  ", roles.why, "labels")
    yield f"  labels: {plain_yaml({name: name for name in graph.labels})}"
    yield "  temporal_degrees:  # exact counts of what the request may see"
    for name, degree in _with_each(graph).items():
        yield f"    {plain_yaml(name)}: {plain_yaml(degree)}"


def _with_each(graph: DraftedGraph) -> dict[str, dict[str, Any]]:
    """The degrees, those of several labels as one with `each`."""
    labels, found = graph.roles.labels, {}
    if len(labels) < 2:
        return graph.degrees
    of_label = {f"{of}_{label}": (of, label) for of in ("user", "item") for label in labels}
    for name, degree in graph.degrees.items():
        if name not in of_label:
            found[name] = degree
            continue
        of, label = of_label[name]
        edge_set = with_label(PLACE) + degree["edge_set"].removeprefix(with_label(label))
        found[f"{of}_{PLACE}"] = {**degree, "edge_set": edge_set, EACH: labels}
    return found


def _guess(indent: str, why: Mapping[str, str], *roles: str) -> Iterator[str]:
    for role in roles:
        if why.get(role):
            yield f"{indent}# guessed{f', {role}' if role else ''}: {why[role]}"


def _left_of(graph: DraftedGraph, table: str, node_set: str) -> Iterator[tuple[str, str]]:
    """What of a table is left out, told where its first node set stands."""
    if next(name for name, nodes in graph.nodes.items() if nodes.table == table) == node_set:
        for name, why in graph.left.items():
            if name.startswith(f"{table}."):
                yield name.removeprefix(f"{table}."), why


def _column(feature: DraftedFeature) -> str | dict[str, Any]:
    described = {"column": feature.column, "separator": feature.separator, "missing": feature.missing}
    given = {key: value for key, value in described.items() if value is not None}
    return feature.column if len(given) == 1 else given


def _readout(graph: DraftedGraph) -> dict[str, Feature]:
    roles = graph.roles
    scenario = {"scenario": Feature(roles.log.columns[roles.scenario].dtype)} if roles.scenario else {}
    parts = dict.fromkeys(TIME_PARTS, Feature("int64"))
    return {**scenario, **parts, **dict.fromkeys([*graph.degrees, *graph.labels], Feature("float32"))}


def _ends(source: str, target: str) -> str:
    return f"  source: {json.dumps(source)}\n  target: {json.dumps(target)}\n"


def _set(kind: str, name: str, ends: str, features: Mapping[str, Feature]) -> str:
    return f"{kind} {{ key: {json.dumps(name)} value {{\n{ends}{_feature_lines(features)}}} }}"


def _features(kind: str, features: Mapping[str, Feature]) -> str:
    return f"{kind} {{\n{_feature_lines(features)}}}"


def _feature_lines(features: Mapping[str, Feature]) -> str:
    return "".join(
        f"  features {{ key: {json.dumps(name)} value {{ dtype: {_DTYPES[of.dtype]}"
        f"{' shape { dim { size: -1 } }' if of.multi_valued else ''} }} }}\n"
        for name, of in features.items()
    )
