"""What can be told of a run's configuration and its tables.yaml alone: looked up before hours of work are begun."""

from typing import Literal

from tfgrec.close_match import suggestion
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.config.tables import Requests
from tfgrec.graph.schema import ID, READOUT
from tfgrec.model.configuration_checks import PRETRAINED_ARMS, arm_problems, raise_problems, unknown_names
from tfgrec.model.pretraining.encoder_features import unknown_encoder_features
from tfgrec.serving.signatures.names import output_problems

_WHERE = "tables.yaml"


def check_run(config: RunConfig, tables: TablesConfig) -> None:
    """Compares the configuration with the tables it is for.

    Raises:
      ConfigurationError: names all unknown names, each with its key and the nearest known one, and all that does not
        go together.
    """
    problems = _unknown_edge_sets(config, tables)
    features = {name: [ID, *node_set.features] for name, node_set in tables.node_sets.items()}
    requests = tables.requests
    inputs = [*requests.features, *_computed(requests)]
    features[READOUT] = [*inputs, *requests.labels]
    problems += unknown_names(config.model, features, requests.labels, where=_WHERE)
    problems += unknown_encoder_features(config.pretraining, features, where=_WHERE)
    problems += arm_problems(config.model, config.arm, config.pretraining)
    scenario = config.evaluation.scenario
    if scenario is not None and scenario not in inputs:
        hint = suggestion(scenario, inputs)
        problems.append(f"evaluation.scenario: {_WHERE} has no request feature '{scenario}': {hint}")
    problems += _unfit_retrieval(config, requests)
    problems += _uncompilable_sums(config)
    problems += _nothing_to_pretrain_on(config)
    problems += _unfit_factors(config, tables)
    problems += output_problems(config.model.tasks, config.export.combined)
    raise_problems(problems)


def untrained_unknowns(config: RunConfig, tables: TablesConfig) -> str | None:
    """What to tell of a run that scores unknown users and items and does not train for it; None where it does."""
    if tables.requests.unknown != "score" or config.training.hidden_ids > 0:
        return None
    return (
        f"{_WHERE}: requests.unknown: score, but training.hidden_ids is 0: what the model reads for unknown ids "
        "stays as it started, and hashed ones read the row of another id; 0.1 trains a state for them"
    )


def _computed(requests: Requests, *, own: Literal["user", "item"] | None = None) -> list[str]:
    """The names of the computed request features; `own`: of those that the side has by itself."""
    # Brings pandas, which takes half a second that `--help` need not wait for.
    from tfgrec.graph.computed.computed_features import computed_features

    return list(computed_features(requests, own=own))


def _unknown_edge_sets(config: RunConfig, tables: TablesConfig) -> list[str]:
    named = [(f"sampling.hops.{number}", name) for number, hop in enumerate(config.sampling.hops) for name in hop]
    named += [(f"sampling.history.{name}", name) for name in config.sampling.history]
    return [
        f"{key}: {_WHERE} has no edge set '{name}': {suggestion(name, tables.edge_sets)}"
        for key, name in named
        if name not in tables.edge_sets
    ]


def _unfit_retrieval(config: RunConfig, requests: Requests) -> list[str]:
    """What a user's vector may not know: the item; and the other way round."""
    if config.model.retrieval is None:
        return []
    of_user = [*requests.features, *_computed(requests, own="user")]
    sides = {
        "query": ("the request or the user", of_user),
        "item": ("the item", [*_computed(requests, own="item")]),
    }
    return [
        f"model.retrieval.{side}_features: '{name}' is no feature of {whose} alone: {suggestion(name, known)}"
        for side, (whose, known) in sides.items()
        for name in getattr(config.model.retrieval, f"{side}_features")
        if name not in known
    ]


def _nothing_to_pretrain_on(config: RunConfig) -> list[str]:
    pretrained = config.arm in PRETRAINED_ARMS and config.pretraining.objective == "auto_encoder"
    if not pretrained or config.sampling.tells_hidden_nodes:
        return []
    return [
        f"pretraining.objective: auto_encoder can't pre-train arm {config.arm}: with one hop in sampling.hops no "
        "neighbour has neighbours of its own that could tell what it hides; add a hop, or choose link_prediction"
    ]


def _unfit_factors(config: RunConfig, tables: TablesConfig) -> list[str]:
    """Edge sets of item factors that the records do not list, and numbers that their edges do not have."""
    factors, history, problems = config.model.match.factors, config.sampling.history, []
    if factors is None:
        return []
    if config.model.fusion.match == "none":
        problems.append("model.match.factors: are a part of the match, and model.fusion.match is none: choose dot")
    for name, number in factors.outcomes.items():
        key = f"model.match.factors.outcomes.{name}"
        if name not in history:
            hint = suggestion(name, history) if history else "it is empty"
            problems.append(f"{key}: sampling.history lists no edge set '{name}': {hint}")
            continue
        known = _edge_features(tables, name)
        if number not in known:
            hint = suggestion(number, known) if known else "they have none"
            problems.append(f"{key}: the edges have no number '{number}': {hint}")
    return problems


def _edge_features(tables: TablesConfig, edge_set: str) -> list[str]:
    """The features of an edge set, of the one it reverses where it does."""
    described = tables.edge_sets.get(edge_set)
    if described is not None and described.reverse_of is not None:
        described = tables.edge_sets.get(described.reverse_of)
    sources = [] if described is None else described.sources or []
    return sorted({feature for source in sources for feature in source.features})


def _uncompilable_sums(config: RunConfig) -> list[str]:
    training = config.training
    if config.model.encoder.normalization != "batch" or not training.jit_compile or training.distribution == "none":
        return []
    return [
        "model.encoder.normalization: batch sums over replicas, which training.jit_compile with "
        f"training.distribution: {training.distribution} can't; use layer"
    ]
