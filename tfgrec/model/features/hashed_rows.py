"""Values to row numbers without a vocabulary."""

import tensorflow as tf


def hashed_rows(values: tf.Tensor, buckets: int) -> tf.Tensor:
    """FarmHash fingerprints of strings, or of the decimal texts of integers, modulo `buckets`: alike on all machines.

    Int64 or string values of any shape -> int64 of that shape.
    """
    texts = values if values.dtype == tf.string else tf.strings.as_string(values)
    return tf.strings.to_hash_bucket_fast(texts, buckets)
