"""How often training meets an item, counted while it trains: what the logits of sampled items are corrected by."""

from typing import Any

import tensorflow as tf

from tfgrec.model.replicas import sum_over_replicas

# Knuth's multiplicative hash: ids that differ in their high bits alone still fall into different buckets.
_MULTIPLIER = -7046029254386353131
_FOLD, _SHIFT = 32, 24


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class ItemFrequencies(tf.keras.layers.Layer):
    """Streamed counts of items, by hashed key, in variables that a checkpoint holds.

    In-batch negatives come as often as the log shows their items, so that a softmax over them punishes popular items;
    log Q(item) taken off its logit makes up for that (Yi et al., "Sampling-bias-corrected neural modeling for large
    corpus item recommendations", RecSys 2019, doi 10.1145/3298689.3346996). They estimate Q from the gaps between an
    item's occurrences. Counts serve better here: a popular item occurs more than once in a batch, where a gap says
    nothing, and most items occur too seldom for a moving average. Nothing has to be counted before training, and a
    catalogue of any size takes `buckets` numbers; items that share a bucket share their sum.

    Args:
      buckets: Number of counters; several times the number of items, so that few share one.

    Call: keys int64 `[num_items]` -> the estimated share of draws that are of that item, float32 `[num_items]`.
    """

    def __init__(self, *, buckets: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._buckets = buckets
        same_in_all_replicas = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self._counts = self.add_weight(
            name="counts",
            shape=(buckets,),
            dtype=tf.int64,
            initializer="zeros",
            trainable=False,
            aggregation=same_in_all_replicas,
        )

    def observe(self, keys: tf.Tensor, drawn: tf.Tensor) -> None:
        """Counts the items with `keys` int64 `[num_items]` where `drawn`, bool `[num_items]`.

        Under a distribution strategy all replicas have to be told the same.
        """
        drawn = tf.cast(drawn, tf.int64)
        self._counts.assign_add(tf.math.unsorted_segment_sum(drawn, self._bucket(keys), self._buckets))

    def call(self, keys: tf.Tensor) -> tf.Tensor:
        """Estimates the probabilities; of an item that was never counted, as if it had been once.

        Where none was, all `keys` of the batch are equally likely, those of other replicas included.
        """
        counts = tf.maximum(tf.gather(self._counts, self._bucket(keys)), 1)
        total = tf.reduce_sum(self._counts)
        total = tf.where(total > 0, total, sum_over_replicas(tf.size(keys, out_type=tf.int64)))
        return tf.cast(counts, tf.float32) / tf.cast(total, tf.float32)

    def get_config(self) -> dict[str, Any]:
        """The number of counters."""
        return {"buckets": self._buckets, **super().get_config()}

    def _bucket(self, keys: tf.Tensor) -> tf.Tensor:
        folded = tf.bitwise.bitwise_xor(keys, tf.bitwise.right_shift(keys, _FOLD))
        return tf.math.floormod(tf.bitwise.right_shift(folded * _MULTIPLIER, _SHIFT), self._buckets)
