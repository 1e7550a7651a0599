"""Normalisation of node states, alike for every kind of GraphUpdate."""

from typing import Any, Literal

import tensorflow as tf

from tfgrec.model.replicas import sum_over_replicas

Normalization = Literal["none", "layer", "batch", "l2"]

_MOMENTUM = 0.99
_EPSILON = 1e-3


def state_normalization(kind: Normalization, *, name: str) -> tf.keras.layers.Layer:
    """A layer from states and which of them are real, `[num_nodes, units]` and bool `[num_nodes]` or None, to states.

    `layer` (arXiv 1607.06450) and `l2` (GraphSAGE, arXiv 1706.02216, algorithm 1) look at each node by itself, `batch`
    at all nodes of a batch: see NodeBatchNormalization.
    """
    return NodeBatchNormalization(name=name) if kind == "batch" else NodewiseNormalization(kind=kind, name=name)


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class NodewiseNormalization(tf.keras.layers.Layer):
    """`none`, `layer` or `l2`.

    Call: `[num_nodes, units]`, which nodes are real (not looked at), training -> `[num_nodes, units]`.
    """

    def __init__(self, *, kind: Literal["none", "layer", "l2"], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kind = kind
        self._layer = tf.keras.layers.LayerNormalization(epsilon=_EPSILON, name="layer") if kind == "layer" else None

    def build(self, states_shape: tf.TensorShape) -> None:
        """Gain and bias of `layer`."""
        if self._layer is not None:
            with tf.name_scope(self._layer.name):
                self._layer.build(states_shape)
        super().build(states_shape)

    def call(self, states: tf.Tensor, real: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Normalises each node."""
        if self._layer is not None:
            return self._layer(states) if training else self._for_many_threads(states)
        return tf.math.l2_normalize(states, axis=1) if self._kind == "l2" else states

    def _for_many_threads(self, states: tf.Tensor) -> tf.Tensor:
        """What the layer computes, by operations that several threads may run at once.

        Keras has FusedBatchNormV3 do it, whose oneDNN kernel keeps sizes and addresses of a call in itself: a model
        server that is asked twice at a time writes beyond its memory (TensorFlow 2.16).
        """
        values = tf.cast(states, tf.float32)
        mean, variance = tf.nn.moments(values, axes=[1], keepdims=True)
        gain, bias = (tf.cast(of, tf.float32) for of in (self._layer.gamma, self._layer.beta))
        return tf.cast(tf.nn.batch_normalization(values, mean, variance, bias, gain, _EPSILON), states.dtype)

    def get_config(self) -> dict[str, Any]:
        """The kind."""
        return {"kind": self._kind, **super().get_config()}


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class NodeBatchNormalization(tf.keras.layers.Layer):
    """Batch normalisation (arXiv 1502.03167) over the real nodes of a node set, in all replicas' batches together.

    Keras' own would turn the moving averages into NaN at the first batch that has no node of the set. Here a batch of
    fewer than two real nodes, of which there is no variance, is normalised by the moving averages and leaves them.

    Call: `[num_nodes, units]`, which nodes are real (bool `[num_nodes]`; None: all), training -> `[num_nodes, units]`.
    Without `training` a node's result depends on no other node.
    """

    def build(self, states_shape: tf.TensorShape) -> None:
        """Gain, bias and moving averages."""
        width = states_shape[-1:]
        averages = {
            "trainable": False,
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.MEAN,
        }
        self._gain = self.add_weight(name="gain", shape=width, initializer="ones")
        self._bias = self.add_weight(name="bias", shape=width, initializer="zeros")
        self._mean = self.add_weight(name="mean", shape=width, initializer="zeros", **averages)
        self._variance = self.add_weight(name="variance", shape=width, initializer="ones", **averages)
        super().build(states_shape)

    def call(self, states: tf.Tensor, real: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Normalises by the batch in training, by the moving averages otherwise."""
        values = tf.cast(states, tf.float32)
        mean, variance = tf.cast(self._mean, tf.float32), tf.cast(self._variance, tf.float32)
        if training:
            mean, variance = self._batch_moments(values, real, mean, variance)
        scale = tf.cast(self._gain, tf.float32) * tf.math.rsqrt(variance + _EPSILON)
        return tf.cast((values - mean) * scale + tf.cast(self._bias, tf.float32), states.dtype)

    def _batch_moments(
        self, values: tf.Tensor, real: tf.Tensor | None, moving_mean: tf.Tensor, moving_variance: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The batch's mean and variance, which the moving averages take in; or these, where the batch has too few."""
        weights = tf.ones_like(values[:, :1]) if real is None else tf.cast(real[:, tf.newaxis], tf.float32)
        count = sum_over_replicas(tf.reduce_sum(weights))
        enough = count >= 2.0
        count = tf.maximum(count, 1.0)
        mean = sum_over_replicas(tf.reduce_sum(weights * values, axis=0)) / count
        squares = weights * tf.math.squared_difference(values, mean)
        variance = sum_over_replicas(tf.reduce_sum(squares, axis=0)) / count
        mean, variance = tf.where(enough, mean, moving_mean), tf.where(enough, variance, moving_variance)
        self._mean.assign_add((1.0 - _MOMENTUM) * (mean - moving_mean))
        self._variance.assign_add((1.0 - _MOMENTUM) * (variance - moving_variance))
        return mean, variance
