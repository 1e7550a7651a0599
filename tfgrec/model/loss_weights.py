"""Weights of losses: what every balancer's weights obey, and the balancer that leaves them alone."""

from collections.abc import Sequence

import tensorflow as tf


def capped_weights(weights: tf.Tensor, *, capped: int | None, cap: float) -> tf.Tensor:
    """Scales positive weights `[num_losses]` to sum to their number, the one at `capped` to at most `cap` of the sum.

    What is cut there goes to the others in proportion, so that a loss that no longer improves can't crowd them out.
    """
    count = weights.shape[0]
    weights = weights * (count / tf.reduce_sum(weights))
    if capped is None or count == 1:
        return weights
    limited = tf.minimum(weights[capped], cap * count)
    others = weights * ((count - limited) / (count - weights[capped]))
    return tf.where(tf.range(count) == capped, limited, others)


class FixedWeights(tf.Module):
    """The balancer that isn't one: losses keep the weights that the configuration gives them."""

    def __init__(self, *, names: Sequence[str], initial_weights: Sequence[float]) -> None:
        super().__init__(name="fixed_weights")
        self.loss_names = list(names)
        self.weights = tf.Variable(tf.constant(initial_weights, tf.float32), trainable=False, name="weights")

    @property
    def needs_gradient_norms(self) -> bool:
        """Whether `update` reads the gradient norms."""
        return False

    def update(self, losses: tf.Tensor, gradient_norms: tf.Tensor) -> None:
        """Leaves the weights as they are."""
        del losses, gradient_norms
