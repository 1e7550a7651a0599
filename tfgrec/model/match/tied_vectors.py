"""One vector an item, whether it is a candidate or was met by the user."""

import zlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.model.features.absent import is_absent
from tfgrec.model.features.several_values import combine_values
from tfgrec.model.step.step_random import uniform

_INITIAL_DEVIATION = 0.1
# Odd, so that multiplying loses nothing: 2^64 divided by the golden ratio, as a signed number.
_FACTOR = -7046029254386353131
_TEXT_HASHES = 1 << 62

Values = tf.Tensor | tf.RaggedTensor


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class TiedVectors(tf.keras.layers.Layer):
    """The sum of the rows of an item's keys (its id, its author's, ...) in one table, of several values the mean.

    Rows start with a deviation of 0.1, as products of vectors near zero would hardly have a gradient. In training each
    key shows zeros with probability `dropout`, so that the others learn to do without: a new item has its author's row
    alone. The gradient of `regularised` vectors has `l2` times the vector added for each row of the batch.

    Args:
      dimension: Width of the vectors.
      buckets: Rows of the table.
      dropout: Share of the keys hidden in training.
      l2: See above.
      absent_is_nothing: Whether a key that is absent (see `absent_values`) shows zeros, in place of a row of its hash.

    Call: `{namespace: values [num_items] or [num_items, (num_values)]}`, training -> `[num_items, dimension]`.
    """

    def __init__(
        self,
        *,
        dimension: int,
        buckets: int,
        dropout: float,
        l2: float,
        absent_is_nothing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._dimension, self._buckets, self._dropout, self._l2 = dimension, buckets, dropout, l2
        self._absent_is_nothing = absent_is_nothing
        initial = tf.keras.initializers.RandomNormal(stddev=_INITIAL_DEVIATION)
        self._table = self.add_weight(name="table", shape=(buckets, dimension), initializer=initial)

    @property
    def id_tables(self) -> list[tf.Variable]:
        """The table."""
        return [self._table]

    def call(self, keys: Mapping[str, Values], training: bool = False) -> tf.Tensor:
        """Looks up and adds."""
        single = {space: values for space, values in keys.items() if not isinstance(values, tf.RaggedTensor)}
        parts = []
        if single:
            rows = tf.stack([self._rows(values, space) for space, values in single.items()], axis=1)
            found = self._looked_up(rows, training)
            if self._absent_is_nothing:
                absent = tf.stack([is_absent(values) for values in single.values()], axis=1)
                found = tf.where(absent[..., tf.newaxis], 0.0, found)
            parts.append(tf.reduce_sum(found, axis=1))
        for space, values in keys.items():
            if space not in single:
                embedded = self._looked_up(self._rows(values.flat_values, space)[:, tf.newaxis], training)
                parts.append(combine_values("mean", embedded[:, 0], values))
        return tf.add_n(parts)

    def regularised(self, vectors: tf.Tensor) -> tf.Tensor:
        """The vectors `[num_items, dimension]` as they are; their gradient is that of a loss with an L2 penalty too."""
        if not self._l2:
            return vectors
        replicas = tf.distribute.get_replica_context()
        parts = 1 if replicas is None else replicas.num_replicas_in_sync
        # Gradients of replicas are added up, each of which sees about its part of the batch.
        weight = self._l2 / (parts * tf.cast(tf.maximum(tf.shape(vectors)[0], 1), tf.float32))

        @tf.custom_gradient
        def penalised(values: tf.Tensor) -> tuple[tf.Tensor, Any]:
            return tf.identity(values), lambda upstream: upstream + 2.0 * weight * values

        return penalised(vectors)

    def get_config(self) -> dict[str, Any]:
        """Sizes and rates."""
        sizes = {"dimension": self._dimension, "buckets": self._buckets}
        rates = {"dropout": self._dropout, "l2": self._l2, "absent_is_nothing": self._absent_is_nothing}
        return {**sizes, **rates, **super().get_config()}

    def _rows(self, values: tf.Tensor, space: str) -> tf.Tensor:
        """Row numbers of values, int64 of their shape. Integers are hashed without a detour by text."""
        if values.dtype == tf.string:
            values = tf.strings.to_hash_bucket_fast(values, _TEXT_HASHES)
        mixed = (tf.cast(values, tf.int64) + zlib.crc32(space.encode())) * _FACTOR
        mixed = tf.bitwise.bitwise_xor(mixed, tf.bitwise.right_shift(mixed, tf.constant(32, tf.int64))) * _FACTOR
        return tf.math.floormod(tf.bitwise.right_shift(mixed, tf.constant(20, tf.int64)), self._buckets)

    def _looked_up(self, rows: tf.Tensor, training: bool) -> tf.Tensor:
        """`[num_items, num_keys, dimension]` of rows `[num_items, num_keys]`."""
        found = tf.gather(self._table, rows)
        if not training or not self._dropout:
            return found
        kept = uniform(tf.shape(rows)) >= self._dropout
        return found * tf.cast(kept, tf.float32)[..., tf.newaxis]
