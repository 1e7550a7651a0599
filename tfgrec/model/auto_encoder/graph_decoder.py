"""The auto-encoder's decoder that asks the neighbours: one more round of message passing."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import EncoderConfig
from tfgrec.model.encoder.graph_updates import EDGE_INPUT, NodeUpdate, with_states
from tfgrec.model.encoder.masking import MaskStates


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class GraphDecoder(tf.keras.layers.Layer):
    """Hides the encoded states of hidden nodes once more, then updates them from their neighbours' (GraphMAE,
    arXiv 2205.10803, section 3.2).

    So what the decoder can tell of a hidden node, the encoder must have put into the states around it. Messages read no
    edge features. Called in training alone.

    Args:
      node_sets: Those with hidden nodes; each is the source of an edge set.
      config: Kind and sizes of the update: the encoder's.

    Call: states `{node_set: [num_nodes, units]}` of all node sets, masks `{node_set: bool [num_nodes]}`, scalar
    GraphTensor -> `{node_set: [num_nodes, units]}` of `node_sets`.
    """

    def __init__(self, *, node_sets: Sequence[str], config: EncoderConfig | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._node_sets, self._config = list(node_sets), EncoderConfig.model_validate(config)
        self._mask_states = MaskStates(node_sets=self._node_sets, units=self._config.units, name="mask_states")
        self._update = NodeUpdate(config=self._config, node_sets=self._node_sets, name="update")

    def call(
        self, states: Mapping[str, tf.Tensor], masks: Mapping[str, tf.Tensor], graph: tfgnn.GraphTensor
    ) -> dict[str, tf.Tensor]:
        """Hides and updates."""
        states = self._mask_states(states, masks)
        edge_inputs = {
            name: tf.zeros([graph.edge_sets[name].total_size, 0], self.compute_dtype)
            for name in graph.edge_sets
            if not name.startswith("_")
        }
        graph = with_states(graph, states)
        graph = graph.replace_features(edge_sets={name: {EDGE_INPUT: values} for name, values in edge_inputs.items()})
        graph = self._update(graph, training=True)
        return {name: graph.node_sets[name][tfgnn.HIDDEN_STATE] for name in self._node_sets}

    def get_config(self) -> dict[str, Any]:
        """Node sets and the update's configuration."""
        return {"node_sets": self._node_sets, "config": self._config.model_dump(), **super().get_config()}
