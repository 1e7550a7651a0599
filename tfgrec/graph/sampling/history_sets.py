"""The node sets of records that list a user's newest edges, one for each `sampling.history`."""

from collections.abc import Collection, Mapping

from tfgrec.close_match import suggestion
from tfgrec.config.sampling import HistoryPlan
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID, TIME, USER_READOUT, EdgeSet, Feature, GraphSchema, NodeSet, history_node_set


def history_sets(schema: GraphSchema, plans: Mapping[str, HistoryPlan]) -> dict[str, NodeSet]:
    """Node sets by name: `#id` of the edges' targets, all features of the edges, those of the targets that are named.

    Args:
      schema: the store's schema.
      plans: `sampling.history`, by edge set.

    Raises:
      ConfigurationError: an edge set is unknown or does not leave the users, has no times for a window, or a feature
        of its targets is unknown, named twice, or named like what an event has of its own.
    """
    return {history_node_set(name): _history_set(schema, name, plan) for name, plan in plans.items()}


def _history_set(schema: GraphSchema, name: str, plan: HistoryPlan) -> NodeSet:
    where = f"sampling.history.{name}"
    users = schema.edge_sets[USER_READOUT].source
    known = {key: edges for key, edges in schema.stored_edge_sets.items() if edges.source == users}
    if name not in schema.stored_edge_sets:
        raise ConfigurationError(f"{where}: unknown edge set '{name}': {suggestion(name, known)}")
    edges = schema.edge_sets[name]
    if name not in known:
        problem = f"'{name}' leaves '{edges.source}', and a history is of the users, '{users}'"
        raise ConfigurationError(f"{where}: {problem}: {suggestion(name, known)}")
    if plan.window_seconds is not None and not edges.timed:
        raise ConfigurationError(f"{where}.window_seconds: the edges of '{name}' have no times")
    if ID in edges.features:
        raise ConfigurationError(
            f"{where}: edges of '{name}' have a feature '{ID}', which is the target's in a history"
        )
    of_target = schema.node_sets[edges.target].features
    _refuse_features(f"{where}.features", plan.features, edges, of_target)
    return NodeSet(
        features={ID: of_target[ID], **edges.features, **{key: of_target[key] for key in plan.features}},
        of_edge_set=name,
        target=edges.target,
    )


def _refuse_features(where: str, names: Collection[str], edges: EdgeSet, of_target: Mapping[str, Feature]) -> None:
    taken = {ID: "is in every event", TIME: "would be taken for the edge's time"}
    taken |= dict.fromkeys(edges.features.keys() - taken.keys(), "is a feature of the edges, which events have anyway")
    free = [name for name in of_target if name not in taken]
    for place, name in enumerate(names):
        if name in taken:
            raise ConfigurationError(f"{where}: '{name}' {taken[name]}: {suggestion(name, free)}")
        if name not in of_target:
            raise ConfigurationError(f"{where}: '{edges.target}' has no feature '{name}': {suggestion(name, free)}")
        if name in names[:place]:
            raise ConfigurationError(f"{where}: '{name}' is named twice")
