"""One vector for a node's several values."""

import tensorflow as tf

from tfgrec.config.encodings import Combiner


def combine_values(combiner: Combiner, flat: tf.Tensor, values: tf.RaggedTensor) -> tf.Tensor:
    """Combines the values of each row; zeros for a row without values.

    Args:
      combiner: "mean", "sum" or "max" (in each dimension).
      flat: `[num_values, ...]`, what the flat values of `values` were mapped to.
      values: `[num_nodes, (num_values)]`.

    Returns:
      `[num_nodes, ...]`.
    """
    rows, num_rows = values.value_rowids(), values.nrows()
    if combiner == "sum":
        return tf.math.unsorted_segment_sum(flat, rows, num_rows)
    if combiner == "mean":
        return tf.math.unsorted_segment_mean(flat, rows, num_rows)
    largest = tf.math.unsorted_segment_max(flat, rows, num_rows)
    # The maximum of no values is the smallest number there is.
    return tf.where(largest > flat.dtype.min, largest, 0)
