"""What an encoder that is trained apart reads besides: ids, without which link prediction can't tell items apart."""

from collections.abc import Collection, Iterator, Mapping

from tfgrec.close_match import suggestion
from tfgrec.config.encodings import Encoding, shared_table_problems
from tfgrec.config.model import ModelConfig
from tfgrec.config.run import PretrainingConfig
from tfgrec.graph.schema import READOUT, GraphSchema
from tfgrec.model.configuration_checks import unfit_encodings

_KEY = "pretraining.features"

Encodings = Mapping[str, Mapping[str, Encoding]]


def with_encoder_features(config: ModelConfig, pretraining: PretrainingConfig) -> ModelConfig:
    """The model's configuration as the encoder of an arm that pre-trains it sees it."""
    return config.model_copy(update={"features": _merged(config.features, pretraining.features)})


def unknown_encoder_features(
    pretraining: PretrainingConfig, features: Mapping[str, Collection[str]], *, where: str
) -> list[str]:
    """The node sets and features of `pretraining.features` that are not known.

    Args:
      pretraining: The configuration.
      features: The features of each node set. Those of `_readout` are no node's that an encoder encodes.
      where: What does not know them, for the messages.
    """
    return list(_unknown(pretraining.features, features, where))


def encoder_feature_problems(config: ModelConfig, pretraining: PretrainingConfig, schema: GraphSchema) -> list[str]:
    """All that keeps an encoder from reading `pretraining.features` in records of a schema."""
    features = {name: schema.node_sets[name].features for name in schema.stored_node_sets}
    problems = unknown_encoder_features(pretraining, features, where="the schema of the records")
    # Types are those of names that are known.
    problems = problems or list(unfit_encodings(pretraining.features, features, key=_KEY))
    return problems or [
        f"{_KEY}: {problem}" for problem in shared_table_problems(_merged(config.features, pretraining.features))
    ]


def _merged(features: Encodings, further: Encodings) -> dict[str, dict[str, Encoding]]:
    node_sets = dict.fromkeys([*features, *further])
    return {name: {**features.get(name, {}), **further.get(name, {})} for name in node_sets}


def _unknown(encodings: Encodings, features: Mapping[str, Collection[str]], where: str) -> Iterator[str]:
    node_sets = [name for name in features if name != READOUT]
    for node_set, of_node_set in encodings.items():
        if node_set not in node_sets:
            yield f"{_KEY}.{node_set}: {where} has no node set '{node_set}': {suggestion(node_set, node_sets)}"
            continue
        for name in of_node_set:
            if name not in features[node_set]:
                known = suggestion(name, features[node_set])
                yield f"{_KEY}.{node_set}.{name}: {where} has no feature '{name}': {known}"
