"""The balancer that leaves weights alone."""

from collections.abc import Sequence

import tensorflow as tf

from tfgrec.model.balancing.balancer import Balancer, balancer_variable


class FixedWeights(Balancer):
    """Losses keep the weights that the configuration, or an earlier training, gives them."""

    def __init__(self, *, names: Sequence[str], weights: Sequence[float]) -> None:
        super().__init__(names=names, name="fixed_weights")
        self._weights = balancer_variable(tf.constant(weights, tf.float32), "weights")

    @property
    def weights(self) -> tf.Variable:
        """The weights, `[num_losses]`."""
        return self._weights
