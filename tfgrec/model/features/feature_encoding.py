"""Raw features as one vector a node."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.model.features.embedded_features import EmbeddedFeatures
from tfgrec.model.features.feature_specs import (
    CategoricalSpec,
    FeatureSpec,
    HashedSpec,
    NumericSpec,
    TimeOfSpec,
    dump_specs,
    parse_specs,
)
from tfgrec.model.features.numeric_features import NumericFeatures
from tfgrec.model.features.time_features import TimeFeatures

Features = Mapping[str, tf.Tensor | tf.RaggedTensor]


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FeatureEncoder(tf.keras.layers.Layer):
    """Concatenates the encodings of each node set's features: numbers, times, embeddings.

    All node sets in one layer, so that their features can share embedding tables.

    Call: `{node_set: {feature: [num_nodes] or [num_nodes, (num_values)]}}`, training ->
    `{node_set: [num_nodes, width]}`. Features without a spec are not read.
    """

    def __init__(self, *, specs: Mapping[str, Mapping[str, FeatureSpec | dict[str, Any]]], **kwargs: Any) -> None:
        # Numbers are cast after they are normalised.
        super().__init__(**kwargs, autocast=False)
        self._specs = {node_set: parse_specs(of_node_set) for node_set, of_node_set in specs.items()}
        empty = [node_set for node_set, of_node_set in self._specs.items() if not of_node_set]
        if empty:
            raise ValueError(f"FeatureEncoder needs at least one feature of every node set. Received none of: {empty}")
        numeric, times = self._of_kind(NumericSpec), self._of_kind(TimeOfSpec)
        self._numeric = {name: NumericFeatures(specs=of, name=f"{name}_numbers") for name, of in numeric.items()}
        self._times = {name: TimeFeatures(specs=of, name=f"{name}_times") for name, of in times.items()}
        self._embedded = EmbeddedFeatures(specs=self._of_kind(CategoricalSpec, HashedSpec), name="embedded")

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return self._embedded.id_tables

    def feature_names(self, node_set: str) -> list[str]:
        """The features of a node set that are read."""
        return list(self._specs[node_set])

    def call(self, features: Mapping[str, Features], training: bool = False) -> dict[str, tf.Tensor]:
        """Encodes and concatenates."""
        embedded = self._embedded(features, training=training)
        encoded = {}
        for node_set in self._specs:
            own = features[node_set]
            parts = [layers[node_set](own) for layers in (self._numeric, self._times) if node_set in layers]
            parts = [tf.cast(part, self.compute_dtype) for part in parts]
            parts += [embedded[node_set]] if node_set in embedded else []
            encoded[node_set] = parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
        return encoded

    def get_config(self) -> dict[str, Any]:
        """The specs."""
        specs = {node_set: dump_specs(of_node_set) for node_set, of_node_set in self._specs.items()}
        return {"specs": specs, **super().get_config()}

    def _of_kind(self, *kinds: type[FeatureSpec]) -> dict[str, dict[str, Any]]:
        """The specs of some kinds, without node sets that have none of them."""
        found = {
            node_set: {name: spec for name, spec in of_node_set.items() if isinstance(spec, kinds)}
            for node_set, of_node_set in self._specs.items()
        }
        return {node_set: specs for node_set, specs in found.items() if specs}
