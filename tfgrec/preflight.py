"""Names in a run's configuration that its tables.yaml must know: looked up before hours of work are begun."""

from collections.abc import Collection

from tfgrec.close_match import suggestion
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID, READOUT


def check_names(config: RunConfig, tables: TablesConfig) -> None:
    """Compares the configuration with the tables it is for.

    Raises:
      ConfigurationError: names all unknown names, each with its key and the nearest known one.
    """
    requests = tables.requests
    request_features = [*requests.features, *requests.temporal_degrees]
    problems: list[str] = []

    def check(key: str, kind: str, name: str, known: Collection[str]) -> None:
        if name not in known:
            problems.append(f"{key}: tables.yaml has no {kind} '{name}': {suggestion(name, known)}")

    for number, hop in enumerate(config.sampling.hops):
        for name in hop:
            check(f"sampling.hops.{number}", "edge set", name, tables.edge_sets)
    for name, task in config.model.tasks.items():
        check(f"model.tasks.{name}.label", "label", task.label, requests.labels)
    for name, rate in config.model.rates.items():
        for feature in [rate.of, *rate.over]:
            check(f"model.rates.{name}", "request feature", feature, request_features)
    for node_set, features in config.model.features.items():
        check("model.features", "node set", node_set, [*tables.node_sets, READOUT])
        known = request_features if node_set == READOUT else _features_of(tables, node_set)
        for feature in features:
            check(f"model.features.{node_set}", "feature", feature, known)
    if config.evaluation.scenario is not None:
        check("evaluation.scenario", "request feature", config.evaluation.scenario, request_features)
    if problems:
        raise ConfigurationError("\n".join(problems))


def _features_of(tables: TablesConfig, node_set: str) -> list[str]:
    return [ID, *tables.node_sets[node_set].features] if node_set in tables.node_sets else []
