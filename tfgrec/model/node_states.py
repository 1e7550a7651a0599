"""The states that nodes start message passing with."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.feature_encoding import FeatureEncoder
from tfgrec.model.feature_specs import FeatureSpec, dump_specs, parse_specs


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
        featured = [name for name, of_node_set in self._specs.items() if of_node_set]
        self._encoders = {name: FeatureEncoder(specs=self._specs[name], name=f"{name}_features") for name in featured}
        self._projections = {
            name: tf.keras.layers.Dense(units, activation="relu", name=f"{name}_state") for name in featured
        }
        self._learned = {
            name: self.add_weight(name=f"{name}_state", shape=(units,), initializer="glorot_uniform")
            for name in self._specs
            if name not in featured
        }

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return [table for encoder in self._encoders.values() for table in encoder.id_tables]

    def call(self, graph: tfgnn.GraphTensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Computes the states of all node sets."""
        return {name: self._states(graph.node_sets[name], name, training) for name in self._specs}

    def get_config(self) -> dict[str, Any]:
        """The specs and the width."""
        specs = {name: dump_specs(of_node_set) for name, of_node_set in self._specs.items()}
        return {"specs": specs, "units": self._units, **super().get_config()}

    def _states(self, nodes: tfgnn.NodeSet, name: str, training: bool) -> tf.Tensor:
        if name in self._learned:
            return tf.broadcast_to(self._learned[name], [nodes.total_size, self._units])
        return self._projections[name](self._encoders[name](nodes.get_features_dict(), training=training))
