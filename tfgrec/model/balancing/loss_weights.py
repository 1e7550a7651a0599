"""What bounds the weights that a balancer learns."""

import tensorflow as tf


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
    limited = tf.minimum(weights[capped], limit)
    others = weights * ((count - limited) / (count - weights[capped]))
    return tf.where(tf.range(count) == capped, limited, others)


SMALLEST_WEIGHT = 1e-4
