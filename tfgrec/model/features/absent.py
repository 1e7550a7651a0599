"""Values that stand for none, in batches."""

import tensorflow as tf

from tfgrec.graph.absent_values import ABSENT


def absent_value(dtype: tf.DType) -> tf.Tensor:
    """What stands for no value of an int64 or string feature, a scalar."""
    return tf.constant(ABSENT["string" if dtype == tf.string else "int64"], dtype)


def is_absent(values: tf.Tensor) -> tf.Tensor:
    """Which of int64 or string values stand for none, bool of their shape."""
    return values == absent_value(values.dtype)
