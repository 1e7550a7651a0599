"""The softmax over the items of a batch: each user should find the own item among all the others."""

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfgrec.model.loss_sum import LossSum
from tfgrec.model.retrieval.candidate_keys import CandidateKeys
from tfgrec.model.retrieval.replica_rows import num_replicas, rows_of_all_replicas


class InBatchSoftmax:
    """TFRS's factorized retrieval task on candidates as they are in a batch, without their order meaning anything.

    A candidate that is positive is a query, whose classes are its own item and the items of the batch. Not among them
    are items of other node sets than its own, and accidental hits: the same item again, and what the same user found
    elsewhere in the batch. Under a distribution strategy, the batch is that of all replicas together.

    The n other candidates are n draws with probabilities Q, so that the sum of exp(logit) / (n Q) over them estimates
    that of exp(logit) over the catalogue. The own item was not drawn, it is there for certain: it is corrected by 1 / n
    where the others are by Q. (Corrected by Q too, as is often done, a popular own item would hardly weigh in the sum,
    and would be learned to be even more popular than it is.)

    Args:
      temperature: What inner products are divided by.
    """

    def __init__(self, *, temperature: float) -> None:
        # TFRS asks tensors for their len(), which takes autograph. What it calls does without, and would take seconds.
        # The loss is TFRS's default; Keras converts a loss by itself unless told otherwise.
        loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction=tf.keras.losses.Reduction.SUM)
        task = tfrs.tasks.Retrieval(loss=tf.autograph.experimental.do_not_convert(loss), temperature=temperature)
        call = tf.autograph.to_graph(tfrs.tasks.Retrieval.call, recursive=False)

        def cross_entropy(**inputs: tf.Tensor) -> tf.Tensor:
            # Called as a layer, it would cast to the type of a mixed precision policy.
            return call(task, **inputs, compute_metrics=False, compute_batch_metrics=False)

        self._cross_entropy = tf.function(cross_entropy, autograph=False, reduce_retracing=True)

    def loss(
        self,
        *,
        queries: tf.Tensor,
        items: tf.Tensor,
        keys: CandidateKeys,
        positive: tf.Tensor,
        negative: tf.Tensor,
        probabilities: tf.Tensor,
    ) -> LossSum:
        """Cross-entropy summed over the positive candidates; zero where there is none.

        Args:
          queries: The candidates' users, float32 `[num_candidates, units]`.
          items: The candidates' items, float32 `[num_candidates, units]`.
          keys: Who and what the candidates are.
          positive: Whether the user should find the item, bool `[num_candidates]`.
          negative: Whether the item may stand as a negative of others, bool `[num_candidates]`.
          probabilities: How likely the item is to be drawn as a negative, float32 `[num_candidates]`.
        """
        local_count = tf.math.count_nonzero(positive, dtype=tf.float32)
        keys = CandidateKeys(*map(rows_of_all_replicas, keys))
        queries, items, positive, negative, probabilities = map(
            rows_of_all_replicas, (queries, items, positive, negative, probabilities)
        )
        own = tf.eye(tf.shape(queries)[0], dtype=tf.bool)
        drawn = negative[tf.newaxis, :] & ~own
        same_set = keys.item_sets[:, tf.newaxis] == keys.item_sets[tf.newaxis, :]
        num_drawn = tf.maximum(tf.math.count_nonzero(drawn, axis=1, dtype=tf.float32), 1.0)
        total = self._cross_entropy(
            query_embeddings=queries,
            candidate_embeddings=tf.concat([items, items], axis=0),
            sample_weight=tf.cast(positive, tf.float32),
            candidate_sampling_probability=tf.concat([1.0 / num_drawn, probabilities], axis=0),
            score_mask=tf.concat([own, drawn & same_set & ~_found_items(keys, positive)], axis=1),
        )
        # All replicas have the same total, of which each reports its share; gradients are not shared but added up.
        return LossSum(total - tf.stop_gradient(total * (1 - 1 / num_replicas())), local_count)


def _found_items(keys: CandidateKeys, positive: tf.Tensor) -> tf.Tensor:
    """Whether a candidate's user found another candidate's item somewhere in the batch, bool `[count, count]`."""
    users, items = _first_equal(keys.users), _first_equal(keys.items)
    count = tf.shape(users)[0]
    pairs = tf.scatter_nd(tf.stack([users, items], axis=1), tf.cast(positive, tf.int32), tf.stack([count, count]))
    return tf.gather(tf.gather(pairs > 0, users), items, axis=1)


def _first_equal(keys: tf.Tensor) -> tf.Tensor:
    """The position of the first equal key, int32 `[count]`: small numbers that are equal where the keys are."""
    equal = keys[:, tf.newaxis] == keys[tf.newaxis, :]
    return tf.argmax(tf.cast(equal, tf.int32), axis=1, output_type=tf.int32)
