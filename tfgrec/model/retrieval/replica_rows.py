"""One batch out of the parts that replicas see."""

import tensorflow as tf


def rows_of_all_replicas(values: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, `[all rows, ...]` from `[rows, ...]`, beginning with this one's.

    Gradients flow to this replica's rows alone. Where every replica computes one and the same loss of all rows, their
    gradients add up to the loss's, and no replica has to wait for another one in the backward pass.
    """
    if num_replicas() == 1:
        return values
    context = tf.distribute.get_replica_context()
    dtype = values.dtype
    constant = tf.stop_gradient(tf.cast(values, tf.int32) if dtype == tf.bool else values)
    gathered = context.all_gather(constant, axis=0)
    sizes = context.all_gather(tf.shape(values)[:1], axis=0)
    before = tf.reduce_sum(sizes[: context.replica_id_in_sync_group])
    others = tf.roll(gathered, -before, axis=0)[tf.shape(values)[0] :]
    return tf.concat([values, tf.cast(others, dtype)], axis=0)


def num_replicas() -> int:
    """How many replicas take a step together."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync
