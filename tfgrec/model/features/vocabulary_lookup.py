"""Values to the row numbers of an embedding table."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class VocabularyLookup(tf.keras.layers.Layer):
    """Position of a value in the vocabulary plus one; 0 for a value that is not in it.

    One hash table, like Keras' StringLookup and IntegerLookup, which refuse an empty vocabulary and one that holds
    their reserved token (-1 for integers, a common code for "unknown").

    Call: int64 or string values of any shape -> int64 of that shape.
    """

    def __init__(self, *, vocabulary: Sequence[int] | Sequence[str], value_dtype: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._vocabulary = list(vocabulary)
        self._value_dtype = value_dtype
        self._table = self._make_table() if self._vocabulary else None

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Looks values up."""
        return tf.zeros_like(values, tf.int64) if self._table is None else self._table.lookup(values)

    def get_config(self) -> dict[str, Any]:
        """Vocabulary and its dtype."""
        return {"vocabulary": self._vocabulary, "value_dtype": self._value_dtype, **super().get_config()}

    def _make_table(self) -> tf.lookup.StaticHashTable:
        keys = tf.constant(self._vocabulary, dtype=self._value_dtype)
        rows = tf.range(1, len(self._vocabulary) + 1, dtype=tf.int64)
        return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, rows), default_value=0)
