"""Uncertainty weighting: one learned variance a loss (Kendall et al., arXiv 1705.07115)."""

from collections.abc import Sequence

import tensorflow as tf

from tfgrec.model.balancing.balancer import Balancer, balancer_variable


class UncertaintyWeights(Balancer):
    """Minimises sum_i w_i L_i - log(w_i) / 2 over w_i = exp(-s_i) too; s_i is the log variance of equations 7 and 10.

    Both of the paper's forms are this one, up to a constant: of a classification, L / sigma^2 + log sigma with
    w = 1 / sigma^2; of a regression, L / (2 sigma^2) + log sigma with w = 1 / (2 sigma^2). The best w is 1 / (2 L), and
    the weights' sum is free. The model's main optimizer trains s_i, which start at the given weights.

    The share of the loss named `capped` in the sum of weights is held at or below `cap`; its s_i is not, so that the
    loss comes back as soon as its weight is below the cap.

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> balancer = tfgrec.UncertaintyWeights(names=["click", "like"], initial_weights=[1.0, 0.5], cap=1.0)
      >>> [(gradient, _), *_] = balancer.own_gradients(tf.constant([0.7, 0.2]))
      >>> balancer.weights.numpy().tolist(), gradient.shape.as_list()
      ([1.0, 0.5], [2])
    """

    def __init__(
        self, *, names: Sequence[str], initial_weights: Sequence[float], cap: float, capped: str | None = None
    ) -> None:
        super().__init__(names=names, name="uncertainty_weights")
        self._capped = self.loss_names.index(capped) if capped in self.loss_names else None
        self._cap = cap
        log_weights = tf.math.log(tf.constant(initial_weights, tf.float32))
        self._log_variances = balancer_variable(-log_weights, "log_variances", trainable=True)

    @property
    def weights(self) -> tf.Tensor:
        """exp(-s_i), capped, `[num_losses]`."""
        weights = self._free_weights()
        if self._capped is None or len(self.loss_names) == 1:
            return weights
        others = tf.reduce_sum(weights) - weights[self._capped]
        limit = others * (self._cap / (1.0 - self._cap))
        is_capped = tf.range(len(self.loss_names)) == self._capped
        return tf.where(is_capped, tf.minimum(weights, limit), weights)

    def own_gradients(self, losses: tf.Tensor) -> list[tuple[tf.Tensor, tf.Variable]]:
        """1/2 - exp(-s_i) L_i; zero for a loss that is absent."""
        gradient = tf.where(tf.math.is_finite(losses), 0.5 - self._free_weights() * losses, 0.0)
        return [(gradient, self._log_variances)]

    def _free_weights(self) -> tf.Tensor:
        return tf.exp(-tf.convert_to_tensor(self._log_variances))
