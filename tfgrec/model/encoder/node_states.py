"""The states that nodes start message passing with."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.features.feature_encoding import FeatureEncoder
from tfgrec.model.features.feature_specs import FeatureSpec, dump_specs, parse_specs


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class InitialNodeStates(tf.keras.layers.Layer):
    """Encodes each node set's features and projects them to a common width.

    A node set without features has one learned state for all its nodes.

    Call: scalar GraphTensor, training -> `{node_set: [num_nodes, units]}`.
    """

    def __init__(
        self, *, specs: Mapping[str, Mapping[str, FeatureSpec | dict[str, Any]]], units: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._specs = {name: parse_specs(of_node_set) for name, of_node_set in specs.items()}
        self._units = units
        featured = {name: of_node_set for name, of_node_set in self._specs.items() if of_node_set}
        self._features = FeatureEncoder(specs=featured, name="features")
        self._projections = {
            name: tf.keras.layers.Dense(units, activation="relu", name=f"{name}_state") for name in featured
        }
        self._learned = {
            name: self.add_weight(name=f"{name}_state", shape=(units,), initializer="glorot_uniform")
            for name in self._specs
            if name not in featured
        }

    @property
    def node_sets(self) -> list[str]:
        """The node sets that are encoded."""
        return list(self._specs)

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return self._features.id_tables

    def call(self, graph: tfgnn.GraphTensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Computes the states of all node sets."""
        raw = {name: graph.node_sets[name].get_features_dict() for name in self._projections}
        encoded = self._features(raw, training=training) if raw else {}
        states = {}
        for name in self._specs:
            if name in encoded:
                states[name] = self._projections[name](encoded[name])
            else:
                states[name] = tf.broadcast_to(self._learned[name], [graph.node_sets[name].total_size, self._units])
        return states

    def get_config(self) -> dict[str, Any]:
        """The specs and the width."""
        specs = {name: dump_specs(of_node_set) for name, of_node_set in self._specs.items()}
        return {"specs": specs, "units": self._units, **super().get_config()}
