"""The graph feature auto-encoder (GFAE): rebuilds raw features of hidden nodes from what their neighbours say."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.feature_decoder import FeatureDecoder
from tfgrec.model.reconstruction_targets import NodeSetTargets, parse_targets
from tfgrec.model.shared_projection import SharedProjection


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FeatureAutoEncoder(tf.keras.layers.Layer):
    """The self-supervised loss: the mean over all hidden nodes of what their decoder loses.

    Node sets thus weigh by their hidden nodes. Only hidden nodes are decoded. Not called in serving.

    Call: states `{node_set: [num_nodes, units]}`, masks `{node_set: bool [num_nodes]}`, scalar GraphTensor with the raw
    features, the projection of states -> scalar, 0 where no node is hidden.
    """

    def __init__(
        self,
        *,
        targets: Mapping[str, NodeSetTargets | dict[str, Any]],
        numeric_loss: str = "squared_error",
        cosine_power: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._targets = parse_targets(targets)
        self._numeric_loss, self._cosine_power = numeric_loss, cosine_power
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
    ) -> tf.Tensor:
        """The loss."""
        loss_sum, num_hidden = tf.constant(0.0), tf.constant(0)
        for name, decoder in self._decoders.items():
            hidden = tf.where(masks[name])[:, 0]
            features = graph.node_sets[name].get_features_dict()
            raw = {feature: tf.gather(features[feature], hidden) for feature in decoder.feature_names}
            projected = projection(tf.gather(states[name], hidden), node_set=name)
            loss_sum += tf.reduce_sum(decoder(projected, raw))
            num_hidden += tf.size(hidden)
        return tf.math.divide_no_nan(loss_sum, tf.cast(num_hidden, tf.float32))

    def get_config(self) -> dict[str, Any]:
        """Targets and losses."""
        return {
            "targets": {name: of_node_set.model_dump() for name, of_node_set in self._targets.items()},
            "numeric_loss": self._numeric_loss,
            "cosine_power": self._cosine_power,
            **super().get_config(),
        }
