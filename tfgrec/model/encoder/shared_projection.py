"""The last layer that ranking and the auto-encoder share."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class SharedProjection(tf.keras.layers.Layer):
    """One linear map of encoded states for each node set that ranking or the auto-encoder reads.

    Both read its output and nothing before it: its kernels are the "last shared layer" W of GradNorm.

    Call: states of some nodes `[num_nodes, units]`, the name of their node set -> `[num_nodes, units]`.

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> projection = tfgrec.SharedProjection(node_sets=["user", "item"], units=4)
      >>> projection(tf.ones([3, 16]), node_set="user").shape.as_list()
      [3, 4]
    """

    def __init__(self, *, node_sets: Sequence[str], units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._node_sets, self._units = list(node_sets), units
        self._maps = {name: tf.keras.layers.Dense(units, name=f"{name}_projection") for name in self._node_sets}

    @property
    def node_sets(self) -> list[str]:
        """The node sets that have a map."""
        return list(self._node_sets)

    @property
    def kernels(self) -> list[tf.Variable]:
        """The kernels; exist after the first call."""
        return [self._maps[name].kernel for name in self._node_sets]

    def call(self, states: tf.Tensor, node_set: str) -> tf.Tensor:
        """Projects."""
        return self._maps[node_set](states)

    def get_config(self) -> dict[str, Any]:
        """Node sets and width."""
        return {"node_sets": self._node_sets, "units": self._units, **super().get_config()}
