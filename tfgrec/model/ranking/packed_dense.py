"""Dense layers of several members at once: one kernel holds all of theirs, one product computes them."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class PackedDense(tf.keras.layers.Layer):
    """A dense layer of each member, none of which shares a weight with another.

    Each member's kernel is drawn for itself, as that of a layer of its own: packed ensembles (Gorishniy et al., ICLR
    2025, arXiv 2410.24210, "TabM-packed").

    Args:
      members: How many there are.
      units: Width of each one's output.
      activation: By name; None: linear.
      use_bias: Whether each unit has one.
      kernel_initializer: By name, for one member's `[in, units]`.
      initial_bias: Where all biases start.

    Call: `[num_candidates, in]`, which all members read, or `[members, num_candidates, in]`
    -> `[members, num_candidates, units]`.
    """

    def __init__(
        self,
        *,
        members: int,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str = "glorot_uniform",
        initial_bias: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._members, self._units, self._use_bias = members, units, use_bias
        self._activation, self._kernel_initializer = activation, kernel_initializer
        self._activate = tf.keras.activations.get(activation)
        self._initial_bias = initial_bias

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates `kernel` `[members, in, units]` and `bias` `[members, units]`."""
        shape = [self._members, input_shape[-1], self._units]
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self._drawn_for_each_member)
        self.bias = None
        if self._use_bias:
            initializer = tf.keras.initializers.Constant(self._initial_bias)
            self.bias = self.add_weight(name="bias", shape=[self._members, self._units], initializer=initializer)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Computes all members' outputs."""
        outputs = tf.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs += self.bias[:, tf.newaxis]
        return self._activate(outputs)

    def get_config(self) -> dict[str, Any]:
        """Sizes and initial values."""
        return {
            "members": self._members,
            "units": self._units,
            "activation": self._activation,
            "use_bias": self._use_bias,
            "kernel_initializer": self._kernel_initializer,
            "initial_bias": self._initial_bias,
            **super().get_config(),
        }

    def _drawn_for_each_member(self, shape: Sequence[int], dtype: tf.DType | None = None, **_: Any) -> tf.Tensor:
        # An initializer that is asked twice gives the same values, and of a packed shape it takes members for inputs.
        drawn = [tf.keras.initializers.get(self._kernel_initializer)(shape[1:], dtype=dtype) for _ in range(shape[0])]
        return tf.stack(drawn)


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class PackedMLP(tf.keras.layers.Layer):
    """An MLP of each member, ReLU after every layer.

    Call: `[num_candidates, in]`, which all members read, or `[members, num_candidates, in]`
    -> `[members, num_candidates, units[-1]]`.
    """

    def __init__(self, *, members: int, units: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._members, self._units = members, list(units)
        self._sublayers = [
            PackedDense(members=members, units=width, activation="relu", name=f"dense_{number}")
            for number, width in enumerate(self._units)
        ]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Computes all members' outputs."""
        hidden = inputs
        for layer in self._sublayers:
            hidden = layer(hidden)
        return hidden

    def get_config(self) -> dict[str, Any]:
        """Sizes."""
        return {"members": self._members, "units": self._units, **super().get_config()}
