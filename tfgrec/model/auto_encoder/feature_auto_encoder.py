"""The graph feature auto-encoder (GFAE): rebuilds raw features of hidden nodes from what their neighbours say."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import EncoderConfig
from tfgrec.model.auto_encoder.feature_decoder import FeatureDecoder
from tfgrec.model.auto_encoder.graph_decoder import GraphDecoder
from tfgrec.model.auto_encoder.reconstruction_targets import NodeSetTargets, parse_targets
from tfgrec.model.encoder.shared_projection import SharedProjection
from tfgrec.model.loss_sum import LossSum


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FeatureAutoEncoder(tf.keras.layers.Layer):
    """The self-supervised loss: the mean over all hidden nodes of what their decoder loses.

    Node sets thus weigh by their hidden nodes. Only hidden nodes are decoded. Not called in serving.

    Args:
      targets: What to rebuild, by node set.
      graph_update: The update of the decoder that passes messages before it rebuilds; None for a linear decoder.
      numeric_loss: See FeatureDecoder.
      cosine_power: See FeatureDecoder.

    Call: states `{node_set: [num_nodes, units]}` of all node sets, masks `{node_set: bool [num_nodes]}`, scalar
    GraphTensor with the raw features, the projection of states -> LossSum over the hidden nodes.

    Examples:
      >>> import tensorflow as tf, tensorflow_gnn as tfgnn, tfgrec
      >>> prices = {"price": tf.constant([3.0, 1.0, 2.0])}
      >>> items = tfgnn.NodeSet.from_fields(sizes=tf.constant([3]), features=prices)
      >>> graph = tfgnn.GraphTensor.from_pieces(node_sets={"item": items})
      >>> auto_encoder = tfgrec.FeatureAutoEncoder(targets={"item": {"numeric": {"price": {"transforms": ["log"]}}}})
      >>> loss = auto_encoder(
      ...     {"item": tf.ones([3, 8])},
      ...     {"item": tf.constant([True, False, True])},
      ...     graph,
      ...     tfgrec.SharedProjection(node_sets=["item"], units=4),
      ... )
      >>> float(loss.count), bool(loss.total > 0)
      (2.0, True)
    """

    def __init__(
        self,
        *,
        targets: Mapping[str, NodeSetTargets | dict[str, Any]],
        graph_update: EncoderConfig | dict[str, Any] | None = None,
        numeric_loss: str = "squared_error",
        cosine_power: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._targets = parse_targets(targets)
        self._numeric_loss, self._cosine_power = numeric_loss, cosine_power
        self._graph_decoder = (
            None
            if graph_update is None
            else GraphDecoder(node_sets=self.node_sets, config=graph_update, name="graph_decoder")
        )
        self._decoders = {
            name: FeatureDecoder(
                targets=of_node_set, numeric_loss=numeric_loss, cosine_power=cosine_power, name=f"{name}_decoder"
            )
            for name, of_node_set in self._targets.items()
        }

    @property
    def node_sets(self) -> list[str]:
        """The node sets that have something to rebuild."""
        return list(self._targets)

    def call(
        self,
        states: Mapping[str, tf.Tensor],
        masks: Mapping[str, tf.Tensor],
        graph: tfgnn.GraphTensor,
        projection: SharedProjection,
    ) -> LossSum:
        """The loss."""
        hidden = {name: tf.where(masks[name])[:, 0] for name in self._decoders}
        if self._graph_decoder is None:
            decoded = {
                name: projection(tf.gather(states[name], nodes), node_set=name) for name, nodes in hidden.items()
            }
        else:
            decoded = self._decoded_by_neighbours(states, masks, graph, projection)
            decoded = {name: tf.gather(decoded[name], nodes) for name, nodes in hidden.items()}
        total = tf.constant(0.0)
        for name, decoder in self._decoders.items():
            features = graph.node_sets[name].get_features_dict()
            raw = {feature: tf.gather(features[feature], hidden[name]) for feature in decoder.feature_names}
            total += tf.reduce_sum(decoder(decoded[name], raw))
        num_hidden = tf.add_n([tf.size(nodes) for nodes in hidden.values()])
        return LossSum(total, tf.cast(num_hidden, tf.float32))

    def get_config(self) -> dict[str, Any]:
        """Targets, decoder and losses."""
        return {
            "targets": {name: of_node_set.model_dump() for name, of_node_set in self._targets.items()},
            "graph_update": None if self._graph_decoder is None else self._graph_decoder.get_config()["config"],
            "numeric_loss": self._numeric_loss,
            "cosine_power": self._cosine_power,
            **super().get_config(),
        }

    def _decoded_by_neighbours(
        self,
        states: Mapping[str, tf.Tensor],
        masks: Mapping[str, tf.Tensor],
        graph: tfgnn.GraphTensor,
        projection: SharedProjection,
    ) -> dict[str, tf.Tensor]:
        # Node sets that neither ranking nor this loss reads have no projection: their states pass as they are.
        projected = {
            name: projection(state, node_set=name) if name in projection.node_sets else state
            for name, state in states.items()
        }
        return self._graph_decoder(projected, masks, graph)
