"""Compares how retrieval is to be measured with the graph, before hours of training."""

from tfgrec.close_match import suggestion
from tfgrec.config.training import RetrievalEvaluationConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import USER_READOUT, GraphSchema


def check_edge_sets(config: RetrievalEvaluationConfig, schema: GraphSchema) -> None:
    """Checks that edge sets of what was seen, and of popularity, lead from users to items, and have times for windows.

    Raises:
      ConfigurationError: names the key and the edge set that is unknown or does not.
    """
    user_node_set, item_node_sets = schema.edge_sets[USER_READOUT].source, schema.item_readouts()
    fitting = [
        name
        for name, edges in schema.stored_edge_sets.items()
        if edges.source == user_node_set and edges.target in item_node_sets
    ]
    named = [("seen", name) for name in config.seen]
    named += [(f"popularity.{key}.edge_set", popularity.edge_set) for key, popularity in config.popularity.items()]
    for key, name in named:
        if name not in fitting:
            raise ConfigurationError(
                f"evaluation.retrieval.{key}: '{name}' is no edge set from '{user_node_set}' to items: "
                f"{suggestion(name, fitting)}"
            )
    for key, popularity in config.popularity.items():
        if popularity.window_hours is not None and not schema.edge_sets[popularity.edge_set].timed:
            raise ConfigurationError(
                f"evaluation.retrieval.popularity.{key}.window_hours: edges of '{popularity.edge_set}' have no times"
            )
