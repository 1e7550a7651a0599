"""Reads schemas/<dataset>/graph.pbtxt, a TF-GNN GraphSchema, and says what in it tfgrec can't work with."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import Message

from tfgrec.close_match import suggestion
from tfgrec.config import TablesConfig
from tfgrec.data.graph_schema_message import graph_schema_message
from tfgrec.data.request_schema import with_requests
from tfgrec.errors import SchemaError
from tfgrec.graph.schema import (
    HISTORY,
    ID,
    ITEM_READOUT,
    READOUT,
    TIME,
    USER_READOUT,
    DType,
    EdgeSet,
    Feature,
    GraphSchema,
    NodeSet,
)

_DTYPES: dict[str, DType] = {"DT_INT64": "int64", "DT_FLOAT": "float32", "DT_STRING": "string"}


def read_graph_schema(path: str | Path, tables: TablesConfig | None = None) -> GraphSchema:
    """Reads a graph.pbtxt; sets and features come sorted by name, since the message keeps no order.

    With `tables`, its tables.yaml, it may leave out what follows from there, see `with_requests`.

    Raises:
      SchemaError: names the file, and the line of a syntax error or the keys of all that does not fit.
    """
    proto = _parse(path)
    problems: list[str] = []
    schema = GraphSchema(
        context=_features(proto.context.features, "context", problems),
        node_sets={
            name: NodeSet(_features(proto.node_sets[name].features, f"node_sets.{name}", problems))
            for name in sorted(proto.node_sets)
        },
        edge_sets={
            name: EdgeSet(
                proto.edge_sets[name].source,
                proto.edge_sets[name].target,
                _features(proto.edge_sets[name].features, f"edge_sets.{name}", problems),
            )
            for name in sorted(proto.edge_sets)
        },
    )
    if tables is not None:
        schema = with_requests(schema, tables.requests)
    problems += [*_node_problems(schema), *_edge_problems(schema), *_readout_problems(schema)]
    if problems:
        raise SchemaError("\n".join(f"{path}: {problem}" for problem in problems))
    return schema


def _parse(path: str | Path) -> Message:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaError(f"{path}: can't be read: {error.strerror}") from error
    try:
        return text_format.Parse(text, graph_schema_message()())
    except text_format.ParseError as error:
        # The message begins with "line:column : ".
        message = str(error).split(" : ", 1)[-1]
        raise SchemaError(f"{path}: line {error.GetLine()}, column {error.GetColumn()}: {message}") from error


def _features(messages: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Feature]:
    features = {}
    for name in sorted(messages):
        message = messages[name]
        sizes = [dim.size for dim in message.shape.dim]
        dtype = _name_of(message, "dtype")
        if dtype not in _DTYPES:
            received = dtype if message.dtype else "none"
            problems.append(f"{where}.{name}: expected dtype DT_INT64, DT_FLOAT or DT_STRING, received {received}")
        elif sizes not in ([], [-1]):
            problems.append(f"{where}.{name}: expected no shape, or one dim of size -1, received {sizes}")
        elif name.startswith("#") and name != ID:
            problems.append(f"{where}.{name}: names that begin with # are reserved")
        else:
            features[name] = Feature(_DTYPES[dtype], multi_valued=bool(sizes))
    return features


def _name_of(message: Message, field: str) -> str:
    """The name of an enumeration's value."""
    return message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(message, field)].name


def _node_problems(schema: GraphSchema) -> Iterator[str]:
    if schema.context != {TIME: Feature("int64")}:
        yield f"context: expected the feature '{TIME}' (DT_INT64) and no other, received {sorted(schema.context)}"
    for name in schema.history_node_sets:
        yield f"node_sets.{name}: names that begin with '{HISTORY}/' are of the histories of sampled records"
    for name, node_set in schema.stored_node_sets.items():
        id_feature = node_set.features.get(ID)
        if id_feature not in (Feature("int64"), Feature("string")):
            yield f"node_sets.{name}: expected a feature '{ID}' (DT_INT64 or DT_STRING, no shape)"
    if ID in schema.node_sets.get(READOUT, NodeSet({})).features:
        yield f"node_sets.{READOUT}.{ID}: candidates have no ids of their own"


def _edge_problems(schema: GraphSchema) -> Iterator[str]:
    for name, edge_set in schema.edge_sets.items():
        for end, node_set in (("source", edge_set.source), ("target", edge_set.target)):
            if node_set not in schema.node_sets:
                hint = suggestion(node_set, schema.node_sets)
                yield f"edge_sets.{name}.{end}: unknown node set '{node_set}': {hint}"
        for feature_name, feature in edge_set.features.items():
            if feature.multi_valued:
                yield f"edge_sets.{name}.{feature_name}: features of edges have no shape"
        if edge_set.timed and edge_set.features[TIME].dtype != "int64":
            yield f"edge_sets.{name}.{TIME}: expected DT_INT64, milliseconds since 1970"
    for name, edge_set in schema.stored_edge_sets.items():
        if READOUT in (edge_set.source, edge_set.target):
            yield f"edge_sets.{name}: only edge sets named '{READOUT}/...' lead to '{READOUT}'"


def _readout_problems(schema: GraphSchema) -> Iterator[str]:
    if READOUT not in schema.node_sets:
        yield f"node_sets: '{READOUT}' is missing: the node set of candidates, with their features and labels"
    if USER_READOUT not in schema.edge_sets:
        yield f"edge_sets: '{USER_READOUT}' is missing: from the users' node set to '{READOUT}'"
    if not schema.item_readouts():
        yield f"edge_sets: '{ITEM_READOUT}' is missing: from the items' node set to '{READOUT}'"
    sources: dict[str, str] = {}
    for name, edge_set in schema.edge_sets.items():
        if not name.startswith(f"{READOUT}/"):
            continue
        if name != USER_READOUT and not name.startswith(ITEM_READOUT):
            yield f"edge_sets.{name}: expected '{USER_READOUT}' or a name that begins with '{ITEM_READOUT}'"
        if edge_set.target != READOUT or edge_set.source == READOUT or edge_set.features:
            yield f"edge_sets.{name}: expected a target '{READOUT}', another node set as source, and no features"
        if name != USER_READOUT and sources.setdefault(edge_set.source, name) != name:
            yield f"edge_sets.{name}: '{sources[edge_set.source]}' has the same source '{edge_set.source}'"
