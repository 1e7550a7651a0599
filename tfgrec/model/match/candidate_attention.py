"""A candidate attends to what its user met (after DIN, arXiv 1706.06978, with softmax and several heads)."""

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class CandidateAttention(tf.keras.layers.Layer):
    """Weighs events by candidate, age, kind and outcome, and tells what the weighed events were.

    The score of an event with vector u, channels x and age a, for a candidate with vector v, is in head h
    s_h (v * d_h) . u + x . w_h - t_h a, with d_h, s_h, w_h, t_h learned. A softmax over all events of the user gives
    weights. Per head comes out: the mean of channels and ages by these weights, the product of v and the mean vector,
    number by number, and its sum. Zeros where there is no event.

    Args:
      channels: Number of channels of events.
      heads: Number of heads.

    Call: candidates `[num_candidates, dim]`, vectors of their users' events `[num_candidates, num_columns, dim]`,
    channels `[num_requests, num_columns, channels]`, all zero where a column has no event, ages `[num_requests,
    num_columns]`, the candidates' requests `[num_candidates]` -> `[num_candidates, heads * (channels + dim + 2)]`.
    """

    def __init__(self, *, channels: int, heads: int = 2, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._channels, self._heads = channels, heads

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the weights; head h starts with twice the ageing of the head before."""
        dimension, heads = input_shape[-1], self._heads
        self._scales = self.add_weight(name="scales", shape=(heads, dimension), initializer="ones")
        self._sharpness = self.add_weight(
            name="sharpness", shape=(heads,), initializer=tf.keras.initializers.Constant(4.0)
        )
        self._of_channels = self.add_weight(name="of_channels", shape=(self._channels, heads), initializer="zeros")
        ageing = tf.constant([0.5 * 2.0**head for head in range(heads)])
        self._ageing = self.add_weight(name="ageing", shape=(heads,), initializer=lambda *_, **__: ageing)
        super().build(input_shape)

    def call(
        self, candidates: tf.Tensor, vectors: tf.Tensor, channels: tf.Tensor, ages: tf.Tensor, requests: tf.Tensor
    ) -> tf.Tensor:
        """Attends."""
        asking = candidates[..., tf.newaxis] * tf.transpose(self._scales * self._sharpness[:, tf.newaxis])
        of_events = tf.matmul(channels, self._of_channels) - ages[..., tf.newaxis] * self._ageing
        there = tf.reduce_any(channels != 0.0, axis=2)
        of_events = tf.where(there[..., tf.newaxis], of_events, -1e9)
        scores = tf.matmul(vectors, asking) + tf.gather(of_events, requests)
        weights = tf.nn.softmax(scores, axis=1)
        weights *= tf.cast(tf.gather(tf.reduce_any(there, axis=1), requests), tf.float32)[:, tf.newaxis, tf.newaxis]
        told = tf.concat([channels, ages[..., tf.newaxis]], axis=2)
        means = tf.matmul(weights, tf.gather(told, requests), transpose_a=True)
        products = tf.matmul(weights, vectors, transpose_a=True) * candidates[:, tf.newaxis]
        found = tf.concat([means, products, tf.reduce_sum(products, axis=2, keepdims=True)], axis=2)
        return tf.reshape(found, [-1, self._heads * found.shape[2]])

    def get_config(self) -> dict[str, Any]:
        """Sizes."""
        return {"channels": self._channels, "heads": self._heads, **super().get_config()}
