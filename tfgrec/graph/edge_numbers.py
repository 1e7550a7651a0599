"""Numbers that sampled edges have, and events of histories: which ones there are, and their names among statistics."""

from tfgrec.graph.schema import ID, TIME, Feature, GraphSchema

# Integers too are read as plain numbers: nobody looks an edge's values up.
_NUMBER = Feature("float32")


def edge_set_statistics(edge_set: str) -> str:
    """The name of an edge set among statistics, where a node set may be called like it."""
    return f"edges/{edge_set}"


def is_edge_number(name: str, feature: Feature) -> bool:
    """Whether a feature of an edge, or of a history's event, is a number that a model reads as such."""
    return name not in (ID, TIME) and feature.dtype != "string" and not feature.multi_valued


def edge_numbers(schema: GraphSchema) -> dict[str, dict[str, Feature]]:
    """The numbers of all edge sets and histories that have any in records of `schema`, as StatisticsAccumulator takes
    them: by `edge_set_statistics` of an edge set, by the name of a history's node set."""
    sets = {edge_set_statistics(name): edges.features for name, edges in schema.stored_edge_sets.items()}
    sets |= {name: events.features for name, events in schema.history_node_sets.items()}
    numbers = {
        set_name: {name: _NUMBER for name, feature in features.items() if is_edge_number(name, feature)}
        for set_name, features in sets.items()
    }
    return {set_name: of_set for set_name, of_set in numbers.items() if of_set}
