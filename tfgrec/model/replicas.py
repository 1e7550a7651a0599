"""What the replicas of a distributed step agree on."""

from typing import TypeVar

import tensorflow as tf

Values = TypeVar("Values")


def sum_over_replicas(values: Values) -> Values:
    """Sums each tensor of a nest over all replicas, which all get the same; rows of IndexedSlices are put together.

    Gives the values back as they are where there is one replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.nest.map_structure(_with_a_row, values))


def _with_a_row(value: tf.Tensor | tf.IndexedSlices) -> tf.Tensor | tf.IndexedSlices:
    """Slices with one row of zeros more: TensorFlow 2.16 crashes where no replica has a row."""
    if not isinstance(value, tf.IndexedSlices):
        return value
    values = tf.pad(value.values, [[0, 1]] + [[0, 0]] * (value.values.shape.rank - 1))
    return tf.IndexedSlices(values, tf.pad(value.indices, [[0, 1]]), value.dense_shape)
