"""GradNorm: weights that make all losses train at like rates (Chen et al., arXiv 1711.02257)."""

from collections.abc import Sequence

import tensorflow as tf

from tfgrec.config.model import BalancingConfig
from tfgrec.model.balancing.balancer import Balancer, balancer_variable

SMALLEST_WEIGHT = 1e-4

# Losses and norms beyond this are taken for not finite, since the squares of their ratios would not be.
_LARGEST_VALUE = 1e15
_FIRST_DECAY, _SECOND_DECAY, _EPSILON = 0.9, 0.999, 1e-8
_NORM_DECAY = 0.9


class GradNorm(Balancer):
    """Learns one weight a loss, from the losses and the norms of their gradients on the last shared layer W.

    Of equation 2, |G_i - target_i| with G_i = w_i ||grad_W L_i|| and target_i = mean(G) r_i^alpha, only G_i depends on
    w_i (the target is taken as constant). So the gradient is sign(G_i - target_i) ||grad_W L_i||, and no second-order
    tape is needed. Adam follows it on log w_i, which keeps w_i positive; then the weights are scaled to sum to the
    number of losses, and the auto-encoder's share of the sum is cut to the cap. Its gradient is bounded too: its G_i is
    at most `auto_encoder_gradient_share` of the sum of all G_i, with running means of the norms.

    L_i(0) is the mean of the loss over its first `initial_loss_steps` steps, in which its weight rests. A loss that is
    absent from a batch (it or its gradient is zero, or NaN) or not finite takes no part in that step. One that was
    absent from all of the first `initial_loss_steps` steps can't learn, and leaves its weight to the others. With
    `update_every_steps` N > 1, the weights rest in all steps but every N-th, and so do the gradients of single losses.

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> from tfgrec.config.model import BalancingConfig
      >>> config = BalancingConfig(learning_rate=0.1, initial_loss_steps=1)
      >>> balancer = tfgrec.GradNorm(names=["click", "like"], initial_weights=[1.0, 1.0], config=config)
      >>> for losses in ([0.7, 0.2], [0.5, 0.2]):
      ...     balancer.update(tf.constant(losses), tf.constant([1.0, 1.0]))
      >>> click, like = balancer.weights.numpy()
      >>> bool(click < 1 < like), round(float(click + like), 4)
      (True, 2.0)
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        initial_weights: Sequence[float],
        config: BalancingConfig,
        capped: str | None = None,
    ) -> None:
        super().__init__(names=names, name="gradnorm")
        self._config = config
        self._capped = self.loss_names.index(capped) if capped in self.loss_names else None
        zeros = tf.zeros([len(self.loss_names)])
        weights = capped_weights(
            tf.constant(initial_weights, tf.float32), capped=self._capped, limit=config.auto_encoder_cap * len(names)
        )
        self._weights = balancer_variable(weights, "weights")
        self.initial_losses = balancer_variable(zeros, "initial_losses")
        self._num_observed = balancer_variable(zeros, "num_observed")
        self._mean_norms = balancer_variable(zeros, "mean_norms")
        self._first_moment = balancer_variable(zeros, "first_moment")
        self._second_moment = balancer_variable(zeros, "second_moment")
        self._num_steps = balancer_variable(zeros, "num_steps")
        self._num_updates = balancer_variable(tf.constant(0, tf.int64), "num_updates")
        self._mean_weights = balancer_variable(weights, "mean_weights")
        self._num_averaged = balancer_variable(tf.constant(0.0), "num_averaged")

    @property
    def weights(self) -> tf.Variable:
        """The weights, `[num_losses]`."""
        return self._weights

    def gradient_norms_due(self) -> tf.Tensor | bool:
        """True in every step, or a scalar tensor that is true in every N-th."""
        every = self._config.update_every_steps
        return True if every == 1 else tf.equal(self._num_updates % every, every - 1)

    def update(self, losses: tf.Tensor, gradient_norms: tf.Tensor) -> None:
        """Takes one step. Losses, and gradient norms ||grad_W L_i|| without weights, are `[num_losses]`."""
        present = (tf.abs(losses) < _LARGEST_VALUE) & tf.not_equal(losses, 0.0)
        rested = self._num_observed >= self._config.initial_loss_steps
        self._observe(losses, present & ~rested)
        self._observe_norms(tf.where(present, gradient_norms, 0.0))
        moving = present & rested & (gradient_norms > 0) & (gradient_norms < _LARGEST_VALUE)
        gradients = self.weight_gradients(losses, gradient_norms, moving) * self._weights
        weights = self._adam_step(gradients, moving)
        weights = tf.where(tf.reduce_any(moving), weights, self._weights)
        told = tf.reduce_any(moving) | tf.reduce_any(present & (gradient_norms > 0))
        self._weights.assign(tf.where(told, self._constrained(weights), self._weights))
        self._num_updates.assign_add(1)
        self._average(tf.reduce_any(rested))

    @property
    def idle(self) -> tf.Tensor:
        """Whether each loss has been absent for so long that it can't learn, bool `[num_losses]`."""
        # Steps count by the losses that were there: one that was skipped as not finite had none.
        steps = tf.reduce_max(self._num_observed)
        return (self._num_observed == 0.0) & (steps >= self._config.initial_loss_steps)

    def mean_weights(self) -> dict[str, float]:
        """The mean over all steps since the first L_i(0) was known, `{loss: weight}`."""
        return dict(zip(self.loss_names, self._mean_weights.numpy().tolist(), strict=True))

    def weight_gradients(self, losses: tf.Tensor, gradient_norms: tf.Tensor, moving: tf.Tensor) -> tf.Tensor:
        """d/dw_i of sum_i |G_i - target_i|, `[num_losses]`, zero for losses that don't move."""
        gradient_norms = tf.where(moving, gradient_norms, 0.0)
        weighted_norms = self._weights * gradient_norms
        differences = weighted_norms - self._targets(weighted_norms, losses, moving)
        return tf.where(moving, tf.sign(differences) * gradient_norms, 0.0)

    def _targets(self, weighted_norms: tf.Tensor, losses: tf.Tensor, moving: tf.Tensor) -> tf.Tensor:
        """mean(G) r_i^alpha, with r_i the loss relative to its start, over the mean of that."""
        ratios = tf.where(moving, losses / tf.maximum(self.initial_losses, 1.0 / _LARGEST_VALUE), 0.0)
        inverse_rates = tf.math.divide_no_nan(ratios, _mean(ratios, moving))
        # A loss of zero may have a negative rounding error, which has no power.
        return _mean(weighted_norms, moving) * tf.pow(tf.maximum(inverse_rates, 0.0), self._config.alpha)

    def _observe(self, losses: tf.Tensor, observed: tf.Tensor) -> None:
        counts = self._num_observed + tf.cast(observed, tf.float32)
        means = self.initial_losses + tf.math.divide_no_nan(losses - self.initial_losses, counts)
        self.initial_losses.assign(tf.where(observed, means, self.initial_losses))
        self._num_observed.assign(counts)

    def _average(self, counts: tf.Tensor) -> None:
        self._num_averaged.assign_add(tf.cast(counts, tf.float32))
        share = tf.math.divide_no_nan(tf.cast(counts, tf.float32), self._num_averaged)
        self._mean_weights.assign_add(share * (self._weights - self._mean_weights))

    def _adam_step(self, gradients: tf.Tensor, moving: tf.Tensor) -> tf.Tensor:
        """New weights. Moments and step counts are kept for each loss, and rest where it does not move."""
        first_moment = _FIRST_DECAY * self._first_moment + (1 - _FIRST_DECAY) * gradients
        second_moment = _SECOND_DECAY * self._second_moment + (1 - _SECOND_DECAY) * tf.square(gradients)
        self._first_moment.assign(tf.where(moving, first_moment, self._first_moment))
        self._second_moment.assign(tf.where(moving, second_moment, self._second_moment))
        self._num_steps.assign_add(tf.cast(moving, tf.float32))
        steps = tf.maximum(self._num_steps, 1.0)
        first = self._first_moment / (1 - tf.pow(_FIRST_DECAY, steps))
        second = self._second_moment / (1 - tf.pow(_SECOND_DECAY, steps))
        change = -self._config.learning_rate * first / (tf.sqrt(second) + _EPSILON)
        return self._weights * tf.exp(tf.where(moving, change, 0.0))

    def _observe_norms(self, gradient_norms: tf.Tensor) -> None:
        known = (gradient_norms > 0) & (gradient_norms < _LARGEST_VALUE)
        started = self._mean_norms > 0
        means = tf.where(started, _NORM_DECAY * self._mean_norms + (1 - _NORM_DECAY) * gradient_norms, gradient_norms)
        self._mean_norms.assign(tf.where(known, means, self._mean_norms))

    def _constrained(self, weights: tf.Tensor) -> tf.Tensor:
        weights = tf.maximum(weights, SMALLEST_WEIGHT)
        return capped_weights(weights, capped=self._capped, limit=self._limit(weights), idle=self.idle)

    def _limit(self, weights: tf.Tensor) -> tf.Tensor:
        """The largest weight that the auto-encoder may have: by its share of the weights and of the gradient."""
        limit = tf.constant(self._config.auto_encoder_cap * len(self.loss_names))
        if self._capped is None:
            return limit
        share = self._config.auto_encoder_gradient_share
        others = tf.range(len(self.loss_names)) != self._capped
        of_others = tf.reduce_sum(tf.where(others, weights * self._mean_norms, 0.0))
        own = self._mean_norms[self._capped]
        by_gradient = share / (1.0 - share) * of_others / tf.maximum(own, 1.0 / _LARGEST_VALUE)
        return tf.where((own > 0) & (of_others > 0), tf.clip_by_value(by_gradient, SMALLEST_WEIGHT, limit), limit)


def _mean(values: tf.Tensor, among: tf.Tensor) -> tf.Tensor:
    among = tf.cast(among, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(values * among), tf.reduce_sum(among))


def capped_weights(
    weights: tf.Tensor, *, capped: int | None, limit: tf.Tensor | float, idle: tf.Tensor | None = None
) -> tf.Tensor:
    """Scales positive weights `[num_losses]` to sum to their number, the one at `capped` to at most `limit`.

    What is cut there goes to the others in proportion, so that a loss that no longer improves can't crowd them out.
    Losses that are `idle`, bool `[num_losses]`, keep next to nothing.
    """
    count = weights.shape[0]
    if idle is not None:
        weights = tf.where(idle, SMALLEST_WEIGHT, weights)
    weights = weights * (count / tf.reduce_sum(weights))
    if capped is None or count == 1:
        return weights
    limited, is_capped = tf.minimum(weights[capped], limit), tf.range(count) == capped
    # Added up, since what a difference leaves of a large weight's small rest is rounding.
    rest = tf.reduce_sum(tf.where(is_capped, 0.0, weights))
    return tf.where(is_capped, limited, weights * ((count - limited) / rest))
