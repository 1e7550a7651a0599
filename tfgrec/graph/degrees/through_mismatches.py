"""What keeps candidates from leading along `through` to edges that a degree counts, in a schema."""

from collections.abc import Iterator

from tfgrec.close_match import suggestion
from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.graph.schema import GraphSchema


def through_mismatches(schema: GraphSchema, degree: TemporalDegree, edge_set: str, item_node_set: str) -> Iterator[str]:
    """What keeps items of a node set from leading to the edges of a known set, the first of it."""
    if degree.through is None:
        return
    path = degree.path(item_node_set)
    if path is None:
        yield f"through: names no edge set for node set '{item_node_set}'"
        return
    node_set = item_node_set
    for name in path:
        if name not in schema.stored_edge_sets:
            yield f"through: unknown edge set '{name}': {suggestion(name, schema.stored_edge_sets)}"
            return
        if schema.edge_sets[name].source != node_set:
            yield f"through: '{name}' does not leave node set '{node_set}' but '{schema.edge_sets[name].source}'"
            return
        node_set = schema.edge_sets[name].target
    source = schema.edge_sets[edge_set].source
    if source != node_set:
        hint = _next_step(schema, path, node_set, source)
        yield f"through: leads to '{node_set}', but '{edge_set}' leaves '{source}'{hint}"


def _next_step(schema: GraphSchema, path: list[str], node_set: str, source: str) -> str:
    edge_sets = schema.stored_edge_sets.items()
    names = [name for name, edges in edge_sets if (edges.source, edges.target) == (node_set, source)]
    return f": did you mean through: [{path[0]}, {names[0]}]?" if len(path) == 1 and names else ""
