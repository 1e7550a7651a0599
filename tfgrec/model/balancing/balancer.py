"""What the joint model asks of whoever weighs its losses."""

import abc
from collections.abc import Sequence

import tensorflow as tf


class Balancer(tf.Module, abc.ABC):
    """Weights of several losses. This base leaves what a kind of balancer does not need.

    A step of the joint model reads `weights`, minimises the weighted sum of the losses, gives its optimizer what
    `own_gradients` returns beside the gradients of the model, and ends with `update`. Losses and norms are those of the
    whole batch, equal on all replicas. All state is in variables, so that a checkpoint of the model holds it.
    """

    def __init__(self, *, names: Sequence[str], name: str) -> None:
        super().__init__(name=name)
        self.loss_names = list(names)

    @property
    @abc.abstractmethod
    def weights(self) -> tf.Tensor | tf.Variable:
        """The weights in the order of `loss_names`, positive, `[num_losses]` float32."""

    def gradient_norms_due(self) -> tf.Tensor | bool:
        """Whether the next `update` reads gradient norms; True or False where it does so always or never."""
        return False

    def own_gradients(self, losses: tf.Tensor) -> list[tuple[tf.Tensor, tf.Variable]]:
        """Gradients of the variables that the main optimizer trains. Losses as in `update`."""
        del losses
        return []

    def update(self, losses: tf.Tensor, gradient_norms: tf.Tensor) -> None:
        """Takes note of a step.

        Args:
          losses: Unweighted losses, `[num_losses]`; NaN for one that is absent from the batch.
          gradient_norms: ||grad_W L_i|| without weights, `[num_losses]`; NaN where they are not due.
        """
        del losses, gradient_norms

    def mean_weights(self) -> dict[str, float]:
        """What a later training may fix its weights at: here the present ones, `{loss: weight}`."""
        return dict(zip(self.loss_names, tf.convert_to_tensor(self.weights).numpy().tolist(), strict=True))


def balancer_variable(value: tf.Tensor, name: str, *, trainable: bool = False) -> tf.Variable:
    """State of a balancer: every replica assigns the same value to it."""
    return tf.Variable(value, trainable=trainable, name=name, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
