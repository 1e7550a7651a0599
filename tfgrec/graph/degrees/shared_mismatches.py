"""What keeps edges of a user from being shared with candidate items, in a schema."""

from collections.abc import Iterator

from tfgrec.close_match import suggestion
from tfgrec.config.temporal_degrees import Shared, SharedFeature, SharedNeighbour
from tfgrec.graph.schema import READOUT, Feature, GraphSchema

# Floats that should be equal seldom are.
_COMPARABLE = (Feature("int64"), Feature("string"))


def shared_mismatches(schema: GraphSchema, shared: Shared | None, edge_set: str, item_node_set: str) -> Iterator[str]:
    """What keeps edges of a known set from being shared with candidates of a node set, one message each."""
    target = schema.edge_sets[edge_set].target
    if isinstance(shared, SharedNeighbour):
        yield from _neighbour_mismatches(schema, shared, sorted({target, item_node_set}))
    elif isinstance(shared, SharedFeature):
        yield from _feature_mismatches(schema, shared, edge_set)
    elif shared is not None and target != item_node_set:
        yield f"shared_with_item: '{edge_set}' leads to '{target}', but the candidates are of '{item_node_set}'"


def _neighbour_mismatches(schema: GraphSchema, shared: SharedNeighbour, node_sets: list[str]) -> Iterator[str]:
    where = "shared_with_item.edge_set"
    leading = {node_set: shared.leaving(node_set) for node_set in node_sets}
    for node_set, name in leading.items():
        if name is None:
            yield f"{where}: names no edge set for node set '{node_set}'"
        elif name not in schema.stored_edge_sets:
            yield f"{where}: unknown edge set '{name}': {suggestion(name, schema.stored_edge_sets)}"
        elif schema.edge_sets[name].source != node_set:
            yield f"{where}: '{name}' does not leave node set '{node_set}' but '{schema.edge_sets[name].source}'"
    targets = sorted({schema.edge_sets[name].target for name in leading.values() if name in schema.edge_sets})
    if len(targets) > 1:
        yield f"{where}: nothing can be shared between node sets {', '.join(targets)}"


def _feature_mismatches(schema: GraphSchema, shared: SharedFeature, edge_set: str) -> Iterator[str]:
    of_edges, of_requests = schema.edge_sets[edge_set].features, schema.node_sets[READOUT].features
    for key, name, features, owner in (
        ("edge_feature", shared.edge_feature, of_edges, edge_set),
        ("request_feature", shared.request_feature, of_requests, READOUT),
    ):
        comparable = [known for known, feature in features.items() if feature in _COMPARABLE]
        if name not in comparable:
            hint = suggestion(name, comparable)
            yield f"shared_with_item.{key}: '{name}' is no scalar integer or string of '{owner}': {hint}"
    left, right = of_edges.get(shared.edge_feature), of_requests.get(shared.request_feature)
    if left in _COMPARABLE and right in _COMPARABLE and left != right:
        yield (
            f"shared_with_item: '{shared.edge_feature}' of '{edge_set}' is {left.dtype}, but "
            f"'{shared.request_feature}' of '{READOUT}' is {right.dtype}"
        )
