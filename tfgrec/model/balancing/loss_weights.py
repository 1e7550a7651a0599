"""What bounds the weights that a balancer learns."""

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
