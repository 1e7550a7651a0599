"""GradNorm: weights that make all losses train at like rates (Chen et al., arXiv 1711.02257)."""

from collections.abc import Sequence

import tensorflow as tf

from tfgrec.config.model import BalancingConfig
from tfgrec.model.loss_weights import capped_weights

_SMALLEST_WEIGHT = 1e-4
_FIRST_DECAY, _SECOND_DECAY, _EPSILON = 0.9, 0.999, 1e-8


class GradNorm(tf.Module):
    """Learns one weight a loss, from the losses and the norms of their gradients on the last shared layer W.

    Of equation 2, |G_i - target_i| with G_i = w_i ||grad_W L_i|| and target_i = mean(G) r_i^alpha, only G_i depends on
    w_i (the target is taken as constant). So the gradient is sign(G_i - target_i) ||grad_W L_i||, and no second-order
    tape is needed. Adam follows it on log w_i, which keeps w_i positive; then the weights are scaled to sum to the
    number of losses, and the auto-encoder's share of the sum is cut to the cap.

    L_i(0) is the mean of the loss over its first `initial_loss_steps` steps, in which its weight rests. A loss that is
    absent from a batch (its gradient is zero) or not finite takes no part in that step.

    All state is in variables, so that a checkpoint of the model holds it. Under a distribution strategy, losses and
    norms are averaged over replicas, and all replicas take the same step.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        initial_weights: Sequence[float],
        config: BalancingConfig,
        capped: str | None = None,
    ) -> None:
        super().__init__(name="gradnorm")
        self.loss_names = list(names)
        self._config = config
        self._capped = self.loss_names.index(capped) if capped in self.loss_names else None
        count = len(self.loss_names)
        self.weights = _variable(self._constrained(tf.constant(initial_weights, tf.float32)), "weights")
        self.initial_losses = _variable(tf.zeros([count]), "initial_losses")
        self._num_observed = _variable(tf.zeros([count]), "num_observed")
        self._first_moment = _variable(tf.zeros([count]), "first_moment")
        self._second_moment = _variable(tf.zeros([count]), "second_moment")
        self._num_steps = _variable(tf.zeros([count]), "num_steps")

    @property
    def needs_gradient_norms(self) -> bool:
        """Whether `update` reads the gradient norms."""
        return True

    def update(self, losses: tf.Tensor, gradient_norms: tf.Tensor) -> None:
        """Takes one step. Losses, and gradient norms ||grad_W L_i|| without weights, are `[num_losses]`."""
        losses, gradient_norms = _mean_over_replicas(losses), _mean_over_replicas(gradient_norms)
        present = tf.math.is_finite(losses) & tf.math.is_finite(gradient_norms) & (gradient_norms > 0)
        rested = self._num_observed >= self._config.initial_loss_steps
        self._observe(losses, present & ~rested)
        moving = present & rested
        gradients = self.weight_gradients(losses, gradient_norms, moving) * self.weights
        weights = self._adam_step(gradients, moving)
        self.weights.assign(tf.where(tf.reduce_any(moving), weights, self.weights))

    def weight_gradients(self, losses: tf.Tensor, gradient_norms: tf.Tensor, moving: tf.Tensor) -> tf.Tensor:
        """d/dw_i of sum_i |G_i - target_i|, `[num_losses]`, zero for losses that don't move."""
        gradient_norms = tf.where(moving, gradient_norms, 0.0)
        weighted_norms = self.weights * gradient_norms
        differences = weighted_norms - self._targets(weighted_norms, losses, moving)
        return tf.where(moving, tf.sign(differences) * gradient_norms, 0.0)

    def _targets(self, weighted_norms: tf.Tensor, losses: tf.Tensor, moving: tf.Tensor) -> tf.Tensor:
        """mean(G) r_i^alpha, with r_i the loss relative to its start, over the mean of that."""
        ratios = tf.where(moving, tf.math.divide_no_nan(losses, self.initial_losses), 0.0)
        inverse_rates = tf.math.divide_no_nan(ratios, _mean(ratios, moving))
        # A loss of zero may have a negative rounding error, which has no power.
        return _mean(weighted_norms, moving) * tf.pow(tf.maximum(inverse_rates, 0.0), self._config.alpha)

    def _observe(self, losses: tf.Tensor, observed: tf.Tensor) -> None:
        counts = self._num_observed + tf.cast(observed, tf.float32)
        means = self.initial_losses + tf.math.divide_no_nan(losses - self.initial_losses, counts)
        self.initial_losses.assign(tf.where(observed, means, self.initial_losses))
        self._num_observed.assign(counts)

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
        return self._constrained(self.weights * tf.exp(tf.where(moving, change, 0.0)))

    def _constrained(self, weights: tf.Tensor) -> tf.Tensor:
        return capped_weights(
            tf.maximum(weights, _SMALLEST_WEIGHT), capped=self._capped, cap=self._config.auto_encoder_cap
        )


def _variable(value: tf.Tensor, name: str) -> tf.Variable:
    return tf.Variable(value, trainable=False, name=name, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)


def _mean(values: tf.Tensor, among: tf.Tensor) -> tf.Tensor:
    among = tf.cast(among, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(values * among), tf.reduce_sum(among))


def _mean_over_replicas(values: tf.Tensor) -> tf.Tensor:
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
