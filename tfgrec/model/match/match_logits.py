"""The match's own say in each task's logit."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_INITIAL_WEIGHT = 0.5


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class MatchLogits(tf.keras.layers.Layer):
    """A weighted sum of the match's channels for each task, added to its logit.

    Through a network whose weights start small, tied vectors would learn nothing for some thousand steps: products
    have no gradient to speak of until both sides have found each other. Weights start alike and above zero.

    Args:
      tasks: Names of the tasks.

    Call: sums `[num_candidates, num_channels]` -> `{task: [num_candidates]}` float32.
    """

    def __init__(self, *, tasks: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._tasks = list(tasks)

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the weights."""
        initial = tf.keras.initializers.Constant(_INITIAL_WEIGHT)
        self._weights_of_channels = self.add_weight(
            name="channels", shape=(input_shape[-1], len(self._tasks)), initializer=initial
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
        """Tasks."""
        return {"tasks": self._tasks, **super().get_config()}
