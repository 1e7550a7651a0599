"""Which nodes the auto-encoder hides, and the state they show instead."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT


def sample_masks(
    graph: tfgnn.GraphTensor, *, node_sets: Sequence[str], readout_edge_sets: Sequence[str], rate: float
) -> dict[str, tf.Tensor]:
    """Draws the nodes to hide, `{node_set: bool [num_nodes]}`: each with probability `rate`, but never a root.

    Roots are the nodes that readout edges tie to candidates: ranking reads their states, so they stay whole.
    """
    masks = {}
    for name in node_sets:
        size = graph.node_sets[name].total_size
        roots = tf.zeros([size], tf.bool)
        for edge_set in readout_edge_sets:
            adjacency = graph.edge_sets[edge_set].adjacency
            if adjacency.node_set_name(tfgnn.SOURCE) == name and adjacency.node_set_name(tfgnn.TARGET) == READOUT:
                nodes = adjacency[tfgnn.SOURCE]
                ties = tf.math.unsorted_segment_sum(tf.ones_like(nodes), nodes, size)
                roots = tf.logical_or(roots, ties > 0)
        masks[name] = tf.logical_and(tf.random.uniform([size]) < rate, tf.logical_not(roots))
    return masks


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class MaskStates(tf.keras.layers.Layer):
    """Replaces the states of hidden nodes by one learned state for each node set.

    Call: `{node_set: [num_nodes, units]}` and masks `{node_set: bool [num_nodes]}` -> states with hidden ones replaced.
    Node sets without a mask pass unchanged.
    """

    def __init__(self, *, node_sets: Sequence[str], units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._node_sets, self._units = list(node_sets), units
        self._states = {
            name: self.add_weight(name=f"{name}_mask", shape=(units,), initializer="zeros") for name in self._node_sets
        }

    def call(self, states: Mapping[str, tf.Tensor], masks: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Replaces."""
        return {
            name: tf.where(masks[name][:, tf.newaxis], self._states[name], state) if name in masks else state
            for name, state in states.items()
        }

    def get_config(self) -> dict[str, Any]:
        """Node sets and width."""
        return {"node_sets": self._node_sets, "units": self._units, **super().get_config()}
