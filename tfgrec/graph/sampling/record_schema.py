"""What the sampled records of a plan hold: the part of a schema that its hops can reach, histories, the readout."""

from tfgrec.close_match import suggestion
from tfgrec.config.sampling import FanOut, SamplingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.sampling.history_sets import history_sets
from tfgrec.graph.schema import READOUT, EdgeSet, Feature, GraphSchema


def record_schema(schema: GraphSchema, sampling: SamplingConfig) -> GraphSchema:
    """The schema of records sampled by the plan: edge sets that some hop samples, and the node sets they reach;
    and the histories' node sets, see `history_sets`.

    Raises:
      ConfigurationError: a hop names an edge set that the schema does not have, a weight that is no scalar number of
        its edges, or a window of edges without times; or a history does not fit the schema.
    """
    _refuse_impossible(schema, sampling)
    histories = history_sets(schema, sampling.history)
    readout_edges = {name: edges for name, edges in schema.edge_sets.items() if name.startswith(f"{READOUT}/")}
    frontier = {edges.source for edges in readout_edges.values()}
    node_sets, edge_sets = {READOUT, *frontier}, set(readout_edges)
    for hop in sampling.hops:
        sampled = {name for name, plan in hop.items() if plan.fan_out > 0 and schema.edge_sets[name].source in frontier}
        frontier = {schema.edge_sets[name].target for name in sampled}
        edge_sets |= sampled
        node_sets |= frontier
    return GraphSchema(
        context=schema.context,
        node_sets={name: nodes for name, nodes in schema.node_sets.items() if name in node_sets} | histories,
        edge_sets={name: edges for name, edges in schema.edge_sets.items() if name in edge_sets},
    )


def _refuse_impossible(schema: GraphSchema, sampling: SamplingConfig) -> None:
    for number, hop in enumerate(sampling.hops):
        for name, plan in hop.items():
            known = schema.stored_edge_sets
            if name not in known:
                hint = suggestion(name, known)
                raise ConfigurationError(f"sampling.hops.{number}: unknown edge set '{name}': {hint}")
            _refuse_unfit(f"sampling.hops.{number}.{name}", name, plan, known[name])


def _refuse_unfit(where: str, name: str, plan: FanOut, edge_set: EdgeSet) -> None:
    if plan.window_seconds is not None and not edge_set.timed:
        raise ConfigurationError(f"{where}.window_seconds: the edges of '{name}' have no times")
    numbers = [key for key, feature in edge_set.features.items() if _is_number(feature)]
    if plan.weight is not None and plan.weight not in numbers:
        hint = suggestion(plan.weight, numbers)
        raise ConfigurationError(f"{where}.weight: '{plan.weight}' is no scalar number of '{name}': {hint}")


def _is_number(feature: Feature) -> bool:
    return feature.dtype != "string" and not feature.multi_valued
