"""The match's own say in each task's logit."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class MatchLogits(tf.keras.layers.Layer):
    """A weighted sum of the match's channels for each task, added to its logit.

    Through a network whose weights start small, tied vectors would learn nothing for some thousand steps: products
    have no gradient to speak of until both sides have found each other.

    Args:
      tasks: Names of the tasks.
      initial_weights: Of each channel, for all tasks.

    Call: sums `[num_candidates, num_channels]` -> `{task: [num_candidates]}` float32.
    """

    def __init__(self, *, tasks: Sequence[str], initial_weights: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._tasks, self._starts = list(tasks), list(initial_weights)

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the weights."""
        shape = (input_shape[-1], len(self._tasks))
        initial = tf.constant(self._starts, tf.float32)[:, tf.newaxis]
        self._weights_of_channels = self.add_weight(
            name="channels", shape=shape, initializer=lambda *_, **__: tf.broadcast_to(initial, shape)
        )
        super().build(input_shape)

    @property
    def learned_with_tables(self) -> list[tf.Variable]:
        """Variables that move at the rate of the tables: they are few, and have far to go."""
        return [self._weights_of_channels]

    def call(self, sums: tf.Tensor) -> dict[str, tf.Tensor]:
        """Weighs."""
        logits = tf.matmul(tf.cast(sums, tf.float32), self._weights_of_channels)
        return dict(zip(self._tasks, tf.unstack(logits, axis=1), strict=True))

    def get_config(self) -> dict[str, Any]:
        """Tasks and initial weights."""
        return {"tasks": self._tasks, "initial_weights": self._starts, **super().get_config()}
