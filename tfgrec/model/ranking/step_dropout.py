"""Dropout that a training which goes on repeats."""

from typing import Any

import tensorflow as tf

from tfgrec.model.step.step_random import uniform


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class StepDropout(tf.keras.layers.Layer):
    """Sets the share `rate` of the values to zero in training and scales the others up, so that the mean stays.

    As Keras' own, but within `numbers_of_step` the step's number decides which.

    Call: values of any shape, training -> values of that shape.
    """

    def __init__(self, *, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"StepDropout: expected 0 <= rate < 1. Received: rate={rate}")
        self.rate = rate

    def call(self, values: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drops."""
        if not training or not self.rate:
            return values
        kept = uniform(tf.shape(values)) >= self.rate
        return tf.where(kept, values / (1.0 - self.rate), tf.zeros_like(values))

    def get_config(self) -> dict[str, Any]:
        """The rate."""
        return {"rate": self.rate, **super().get_config()}
