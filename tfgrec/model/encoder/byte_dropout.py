"""Dropout that costs little on a CPU, where drawing random numbers is what dropout costs."""

from typing import Any

import tensorflow as tf

from tfgrec.model.step.step_random import seed_pair

_BYTE_VALUES = 256
_BYTES_A_WORD = 8


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class ByteDropout(tf.keras.layers.Layer):
    """Sets the share `rate` of the values to zero in training and scales the others up, so that the mean stays.

    Keras' own draws a float32 for each value and selects twice; this draws a byte, so `rate` is rounded to 1/256.

    Call: values of any shape, training -> values of that shape.
    """

    def __init__(self, *, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"ByteDropout: expected 0 <= rate < 1. Received: rate={rate}")
        self._rate = rate
        self._dropped = min(round(rate * _BYTE_VALUES), _BYTE_VALUES - 1)

    def call(self, values: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drops."""
        if not training or not self._dropped:
            return values
        kept = tf.cast(_random_bytes(tf.shape(values)) >= self._dropped, values.dtype)
        return values * (kept * (_BYTE_VALUES / (_BYTE_VALUES - self._dropped)))

    def get_config(self) -> dict[str, Any]:
        """The rate."""
        return {"rate": self._rate, **super().get_config()}


def _random_bytes(shape: tf.Tensor) -> tf.Tensor:
    """Uniform uint8."""
    size = tf.reduce_prod(shape)
    seed = seed_pair()
    if seed is None:
        seed = tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)
    num_words = (size + _BYTES_A_WORD - 1) // _BYTES_A_WORD
    words = tf.random.stateless_uniform([num_words], seed, minval=None, maxval=None, dtype=tf.uint64)
    return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], shape)
