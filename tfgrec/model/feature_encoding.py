"""A node set's raw features as one vector a node."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.model.categorical_features import CategoricalFeatures
from tfgrec.model.feature_specs import FeatureSpec, dump_specs, parse_specs
from tfgrec.model.hashed_features import HashedFeatures
from tfgrec.model.numeric_features import NumericFeatures

_LAYERS = {"numeric": NumericFeatures, "categorical": CategoricalFeatures, "hashed": HashedFeatures}


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FeatureEncoder(tf.keras.layers.Layer):
    """Concatenates the numeric, categorical and hashed encodings of a node set's features.

    Call: `{feature: [num_nodes] or [num_nodes, (num_values)]}`, training -> `[num_nodes, width]` float32. Features
    without a spec are not read.
    """

    def __init__(self, *, specs: Mapping[str, FeatureSpec | dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._specs = parse_specs(specs)
        if not self._specs:
            raise ValueError("FeatureEncoder needs at least one feature. Received: specs={}")
        self._parts = {}
        for kind, layer in _LAYERS.items():
            of_kind = {name: spec for name, spec in self._specs.items() if spec.kind == kind}
            if of_kind:
                self._parts[kind] = layer(specs=of_kind, name=kind)

    @property
    def width(self) -> int:
        """Width of the output."""
        return sum(part.width for part in self._parts.values())

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return [table for kind, part in self._parts.items() if kind != "numeric" for table in part.id_tables]

    @property
    def feature_names(self) -> list[str]:
        """The features that are read."""
        return list(self._specs)

    def call(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor], training: bool = False) -> tf.Tensor:
        """Encodes and concatenates."""
        outputs = [
            part(features, training=training) if kind == "hashed" else part(features)
            for kind, part in self._parts.items()
        ]
        return tf.concat(outputs, axis=1)

    def get_config(self) -> dict[str, Any]:
        """The specs."""
        return {"specs": dump_specs(self._specs), **super().get_config()}
