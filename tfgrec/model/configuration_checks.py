"""What a model's configuration says that its tables or its records can't fulfil.

What a configuration class can tell by itself, its validators refuse when the file is read. Names are looked up here,
in tables.yaml before anything else is done (see tfgrec.checks.preflight); names and types in graph.pbtxt before the
graph is built, and in the schema of the records before a model is.
"""

from collections.abc import Collection, Iterator, Mapping

from tfgrec.close_match import suggestion
from tfgrec.config.encodings import CategoricalEncoding, Encoding, HashedEncoding, NumericEncoding, TimeOfEncoding
from tfgrec.config.model import ModelConfig
from tfgrec.config.run import Arm, PretrainingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import READOUT, USER_READOUT, Feature, GraphSchema

PRETRAINED_ARMS = ("two_stage", "frozen_encoder")
"""Arms with an encoder that is trained before ranking, and then no more."""


def check_model_config(config: ModelConfig, schema: GraphSchema, labels: Collection[str]) -> None:
    """Compares a configuration with the schema of the records that the model is to read.

    Raises:
      ConfigurationError: Names all keys that do not fit, each with what was received and a close match if there is one.
    """
    features = {name: schema.node_sets[name].features for name in [*schema.stored_node_sets, READOUT]}
    problems = unknown_names(config, features, labels, where="the schema of the records")
    # Types are those of names that are known.
    encodings = unfit_encodings(config.features, features, key="model.features")
    problems = problems or [*_unfit_labels(config, features[READOUT]), *encodings]
    raise_problems(problems)


def unknown_names(
    config: ModelConfig, features: Mapping[str, Collection[str]], labels: Collection[str], *, where: str
) -> list[str]:
    """The node sets, features and labels that a configuration names and that are not known.

    Args:
      config: The model's configuration.
      features: The features of each node set; those of `_readout` with labels.
      labels: Which of the features of `_readout` are labels.
      where: What does not know them, for the messages.
    """
    problems = []

    def check(key: str, kind: str, name: str, known: Collection[str]) -> None:
        if name not in known:
            problems.append(f"{key}: {where} has no {kind} '{name}': {suggestion(name, known)}")

    for key, node_set, names in _named_features(config):
        check(f"{key}.{node_set}", "node set", node_set, features)
        for name in names if node_set in features else ():
            check(f"{key}.{node_set}.{name}", "feature", name, features[node_set])
    for key, name in _named_labels(config):
        check(key, "label", name, [label for label in labels if label in features[READOUT]])
    for key, name in _named_weights(config):
        check(key, "request feature", name, features[READOUT])
    hidden = config.all_labels(labels)
    inputs = [name for name in features[READOUT] if name not in hidden]
    for key, name in _named_inputs(config):
        if name in hidden:
            problems.append(f"{key}: '{name}' is a label, which the model may not read")
        else:
            check(key, "request feature", name, inputs)
    return problems


def arm_problems(
    config: ModelConfig,
    arm: Arm,
    pretraining: PretrainingConfig | None = None,
    schema: GraphSchema | None = None,
) -> list[str]:
    """What an arm asks of a configuration that is switched off there, or of the records' schema, where it is known."""
    problems = []
    pretrained, pretraining = arm in PRETRAINED_ARMS, pretraining or PretrainingConfig()
    if pretrained and pretraining.objective == "auto_encoder" and not config.auto_encoder.enabled:
        problems.append(f"model.auto_encoder.enabled: received False, but arm {arm} pre-trains the encoder with it")
    predicts_links = pretrained and pretraining.objective == "link_prediction"
    if predicts_links and schema is not None and not link_edge_sets(schema):
        problems.append(
            "pretraining.objective: link_prediction needs sampled edges from users to items; the records have the edge "
            f"sets {', '.join(schema.stored_edge_sets) or 'of candidates alone'}"
        )
    if arm != "no_graph" and config.fusion.feature_level == config.fusion.representation_level == "none":
        problems.append(
            "model.fusion: both levels are none, so that ranking would not read the graph; use arm no_graph instead"
        )
    return problems


def link_edge_sets(schema: GraphSchema) -> list[str]:
    """The sampled edge sets that lead from the users' node set to item node sets."""
    users, items = schema.edge_sets[USER_READOUT].source, schema.item_readouts()
    return [name for name, edges in schema.stored_edge_sets.items() if edges.source == users and edges.target in items]


def unfit_encodings(
    encodings: Mapping[str, Mapping[str, Encoding]], features: Mapping[str, Mapping[str, Feature]], *, key: str
) -> Iterator[str]:
    """Encodings that can't read their features, and features that share a table and are of different types.

    Args:
      encodings: `{node set: {feature: encoding}}`, all of them known.
      features: The features of each node set.
      key: Where the configuration has the encodings.
    """
    tables: dict[str, tuple[str, str]] = {}
    for node_set, of_node_set in encodings.items():
        for name, encoding in of_node_set.items():
            feature, own_key = features[node_set][name], f"{key}.{node_set}.{name}"
            unfit = _unfit(encoding, feature)
            if unfit:
                yield f"{own_key}: {unfit}"
            if isinstance(encoding, CategoricalEncoding) and encoding.table is not None:
                other, dtype = tables.setdefault(encoding.table, (own_key, feature.dtype))
                if dtype != feature.dtype:
                    shared = f"shares table '{encoding.table}' with {other}, which is {dtype}"
                    yield f"{own_key}: is {feature.dtype}, but {shared}"


def raise_problems(problems: Collection[str]) -> None:
    """Raises ConfigurationError with a line for each problem, if there is any."""
    if problems:
        raise ConfigurationError("\n".join(problems))


def _named_features(config: ModelConfig) -> Iterator[tuple[str, str, Collection[str]]]:
    for node_set, encodings in config.features.items():
        yield "model.features", node_set, encodings
    for node_set, targets in (config.auto_encoder.targets or {}).items():
        yield "model.auto_encoder.targets", node_set, targets


def _named_labels(config: ModelConfig) -> Iterator[tuple[str, str]]:
    for name, task in config.tasks.items():
        yield f"model.tasks.{name}.label", task.label
    if config.retrieval is not None:
        yield "model.retrieval.positive", config.retrieval.positive


def _named_weights(config: ModelConfig) -> Iterator[tuple[str, str]]:
    for name, task in config.tasks.items():
        if task.sample_weight is not None:
            yield f"model.tasks.{name}.sample_weight", task.sample_weight


def _named_inputs(config: ModelConfig) -> Iterator[tuple[str, str]]:
    for name, rate in config.rates.items():
        yield f"model.rates.{name}.of", rate.of
        yield from ((f"model.rates.{name}.over", feature) for feature in rate.over)
    for name, task in config.tasks.items():
        if task.relative_to is not None:
            yield f"model.tasks.{name}.relative_to", task.relative_to
    if config.retrieval is not None:
        for key in ("query_features", "item_features"):
            yield from ((f"model.retrieval.{key}", feature) for feature in getattr(config.retrieval, key))


def _unfit_labels(config: ModelConfig, readout: Mapping[str, Feature]) -> Iterator[str]:
    relative = ((f"model.tasks.{name}.relative_to", task.relative_to) for name, task in config.tasks.items())
    for key, name in [*_named_labels(config), *_named_weights(config), *relative]:
        if name is not None and readout[name].dtype != "float32":
            yield f"{key}: expected a float32 feature, '{name}' is {readout[name].dtype}"


def _unfit(encoding: Encoding, feature: Feature) -> str | None:
    """Why an encoding can't read a feature."""
    if isinstance(encoding, NumericEncoding) and feature.dtype == "string":
        return "a numeric encoding needs an int64 or float32 feature, this is a string"
    if isinstance(encoding, CategoricalEncoding | HashedEncoding) and feature.dtype == "float32":
        return f"a {encoding.kind} encoding needs an int64 or string feature, this is float32"
    if isinstance(encoding, TimeOfEncoding) and feature != Feature("int64"):
        several = " with several values" if feature.multi_valued else ""
        return f"a time_of encoding needs an int64 feature, milliseconds since 1970; this is {feature.dtype}{several}"
    return None
