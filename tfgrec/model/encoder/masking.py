"""Which nodes the auto-encoder hides, and the state they show instead."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT
from tfgrec.model.padding_mask import real_nodes
from tfgrec.model.step.step_random import uniform


def sample_masks(graph: tfgnn.GraphTensor, *, node_sets: Sequence[str], rate: float) -> dict[str, tf.Tensor]:
    """Draws the nodes to hide, `{node_set: bool [num_nodes]}`: each that may be hidden with probability `rate`.

    Roots, the nodes that readout edges tie to candidates, stay whole: ranking reads their states. So do nodes that
    sampled no neighbour, since no message would tell what they hide, and padding.
    """
    return {name: _sample_mask(graph, name, rate) for name in node_sets}


def _sample_mask(graph: tfgnn.GraphTensor, node_set: str, rate: float) -> tf.Tensor:
    size = graph.node_sets[node_set].total_size
    roots = _touched([nodes for name, nodes in _sources(graph, node_set) if name.startswith(READOUT)], size)
    receivers = _touched([nodes for name, nodes in _sources(graph, node_set) if not name.startswith(READOUT)], size)
    return receivers & ~roots & real_nodes(graph, node_set) & (uniform([size]) < rate)


def _sources(graph: tfgnn.GraphTensor, node_set: str) -> list[tuple[str, tf.Tensor]]:
    """The edge sets that leave a node set, with the source node of each edge."""
    adjacencies = {name: edges.adjacency for name, edges in graph.edge_sets.items()}
    return [
        (name, adjacency[tfgnn.SOURCE])
        for name, adjacency in sorted(adjacencies.items())
        if adjacency.node_set_name(tfgnn.SOURCE) == node_set
    ]


def _touched(sources: list[tf.Tensor], size: tf.Tensor) -> tf.Tensor:
    """Whether each of `size` nodes is the source of an edge."""
    if not sources:
        return tf.zeros([size], tf.bool)
    nodes = tf.concat(sources, axis=0)
    return tf.math.unsorted_segment_sum(tf.ones_like(nodes), nodes, size) > 0


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
