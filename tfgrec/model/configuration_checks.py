"""Checks of a model's configuration against the records' schema, before anything is built."""

from collections.abc import Collection

from tfgrec.close_match import suggestion
from tfgrec.config.model import ModelConfig
from tfgrec.config.run import Arm
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import READOUT, GraphSchema


def check_model_config(config: ModelConfig, schema: GraphSchema, labels: Collection[str], arm: Arm) -> None:
    """Checks that names are known, that no label is an input, and that the parts go together.

    Raises:
      ConfigurationError: Names the key, what was received, and a close match where there is one.
    """
    _check_features(config, schema)
    _check_rates(config, schema, labels)
    readout = schema.node_sets[READOUT].features
    for name, task in config.tasks.items():
        _known(f"model.tasks.{name}.label", task.label, readout, f"feature of node set '{READOUT}'")
        if readout[task.label].dtype != "float32":
            raise ConfigurationError(
                f"model.tasks.{name}.label: a label must be float32, '{task.label}' is {readout[task.label].dtype}"
            )
    _check_arm(config, arm)
    if arm != "no_graph":
        _check_heads(config)


def _check_features(config: ModelConfig, schema: GraphSchema) -> None:
    for node_set, encodings in config.features.items():
        _known(f"model.features.{node_set}", node_set, schema.node_sets, "node set of the records")
        for feature in encodings:
            known = schema.node_sets[node_set].features
            _known(f"model.features.{node_set}.{feature}", feature, known, f"feature of node set '{node_set}'")


def _check_rates(config: ModelConfig, schema: GraphSchema, labels: Collection[str]) -> None:
    for name, rate in config.rates.items():
        for key, feature in [("of", rate.of), *(("over", feature) for feature in rate.over)]:
            key = f"model.rates.{name}.{key}"
            _known(key, feature, schema.node_sets[READOUT].features, f"feature of node set '{READOUT}'")
            if feature in labels:
                raise ConfigurationError(f"{key}: '{feature}' is a label, which the model may not read")


def _check_arm(config: ModelConfig, arm: Arm) -> None:
    if "auto_encoder" in config.tasks:
        raise ConfigurationError("model.tasks.auto_encoder: this name is taken by the graph feature auto-encoder")
    if arm == "two_stage" and not config.auto_encoder.enabled:
        raise ConfigurationError(
            "model.auto_encoder.enabled: received False, but arm two_stage pre-trains the encoder with it"
        )
    if arm != "no_graph" and config.fusion.feature_level == config.fusion.representation_level == "none":
        raise ConfigurationError(
            "model.fusion: both levels are none, so that ranking would not read the graph; use arm no_graph instead"
        )


def _check_heads(config: ModelConfig) -> None:
    encoder = config.encoder
    split = {"hgt": ("units", encoder.units), "gat_v2": ("message_units", encoder.message_units)}
    if encoder.update in split:
        key, width = split[encoder.update]
        if width % encoder.attention_heads:
            raise ConfigurationError(
                f"model.encoder.{key}: {encoder.update} needs a multiple of attention_heads "
                f"({encoder.attention_heads}), received {width}"
            )


def _known(key: str, name: str, names: Collection[str], what: str) -> None:
    if name in names:
        return
    raise ConfigurationError(f"{key}: '{name}' is no {what}: {suggestion(name, names)}")
