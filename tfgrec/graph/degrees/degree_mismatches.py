"""Compares the temporal degrees of a tables.yaml with its graph.pbtxt."""

from collections.abc import Iterator

from tfgrec.close_match import suggestion
from tfgrec.config.tables import TablesConfig
from tfgrec.config.temporal_degrees import SharedFeature, TemporalDegree
from tfgrec.graph.degrees.last_edges import edge_number_mismatches
from tfgrec.graph.degrees.shared_mismatches import shared_mismatches
from tfgrec.graph.degrees.through_mismatches import through_mismatches
from tfgrec.graph.schema import USER_READOUT, GraphSchema


def temporal_degree_mismatches(schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    """All that temporal degrees ask for and graph.pbtxt does not have, one message each."""
    item_sets = sorted({source.item_node_set for source in tables.requests.sources})
    for name, degree in tables.requests.temporal_degrees.items():
        where = f"requests.temporal_degrees.{name}"
        # What is wrong with several node sets is told once.
        problems = dict.fromkeys(
            [*_request_feature_mismatches(degree, tables), *_edge_set_mismatches(degree, item_sets, schema)]
        )
        yield from (f"{where}.{problem}" for problem in problems)


def _request_feature_mismatches(degree: TemporalDegree, tables: TablesConfig) -> Iterator[str]:
    """Labels are features of `_readout` too, but nothing that a request knows."""
    shared, known = degree.shared_with_item, tables.requests.features
    if isinstance(shared, SharedFeature) and shared.request_feature not in known:
        hint = suggestion(shared.request_feature, known)
        yield f"shared_with_item.request_feature: '{shared.request_feature}' is no feature of requests: {hint}"


def _edge_set_mismatches(degree: TemporalDegree, item_sets: list[str], schema: GraphSchema) -> Iterator[str]:
    by_item = dict.fromkeys(item_sets, degree.edge_set) if isinstance(degree.edge_set, str) else degree.edge_set
    for item_set in degree.through if isinstance(degree.through, dict) else ():
        if item_set not in item_sets:
            yield f"through: no candidate is of node set '{item_set}': {suggestion(item_set, item_sets)}"
    for item_set in sorted({*item_sets, *by_item}):
        if item_set not in by_item:
            yield f"edge_set: names no edge set for node set '{item_set}'"
        elif item_set not in item_sets:
            yield f"edge_set: no candidate is of node set '{item_set}': {suggestion(item_set, item_sets)}"
        else:
            yield from _item_set_mismatches(degree, item_set, by_item[item_set], schema)


def _item_set_mismatches(degree: TemporalDegree, item_set: str, edge_set: str, schema: GraphSchema) -> Iterator[str]:
    node_set = schema.edge_sets[USER_READOUT].source if degree.of == "user" else item_set
    if edge_set not in schema.stored_edge_sets:
        yield f"edge_set: unknown edge set '{edge_set}': {suggestion(edge_set, schema.stored_edge_sets)}"
        return
    if degree.through is not None:
        yield from through_mismatches(schema, degree, edge_set, item_set)
    elif schema.edge_sets[edge_set].source != node_set:
        yield f"edge_set: '{edge_set}' does not leave node set '{node_set}' but '{schema.edge_sets[edge_set].source}'"
    if degree.needs_times and not schema.edge_sets[edge_set].timed:
        yield f"edge_set: the edges of '{edge_set}' have no times"
    yield from edge_number_mismatches(schema, degree.feature, edge_set)
    yield from shared_mismatches(schema, degree.shared_with_item, edge_set, item_set)
