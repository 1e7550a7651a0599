"""What bounds the weights that a balancer learns."""

import tensorflow as tf

SMALLEST_WEIGHT = 1e-4


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
