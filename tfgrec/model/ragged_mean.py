"""The mean over a node's several values."""

import tensorflow as tf


def ragged_mean(values: tf.Tensor, rows: tf.Tensor, num_rows: tf.Tensor) -> tf.Tensor:
    """Mean of the values of each row, zero for a row without values.

    Args:
      values: `[num_values, ...]`, the flat values of a ragged tensor (or what they were mapped to).
      rows: `[num_values]`, the row of each.
      num_rows: Scalar.

    Returns:
      `[num_rows, ...]`.
    """
    return tf.math.unsorted_segment_mean(values, rows, num_rows)
