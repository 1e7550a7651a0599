"""Embeddings of hashed values: for ids."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.model.feature_specs import HashedSpec, dump_specs, parse_specs
from tfgrec.model.ragged_mean import ragged_mean


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class HashedFeatures(tf.keras.layers.Layer):
    """Embeds values by their FarmHash fingerprint, which is the same on all machines.

    Tables start near zero: the row of a value that was never trained is near neutral. In training the share `dropout`
    of nodes reads row 0 instead, so that the rest of the model learns to do without the id.

    Call: `{feature: [num_nodes] or [num_nodes, (num_values)]}`, training -> `[num_nodes, width]` float32.
    """

    def __init__(self, *, specs: Mapping[str, HashedSpec | dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._specs: dict[str, HashedSpec] = parse_specs(specs)
        self._hashes = {name: tf.keras.layers.Hashing(num_bins=spec.buckets) for name, spec in self._specs.items()}
        self._tables = {
            name: self.add_weight(
                name=f"table_{position}",
                shape=(spec.buckets + 1, spec.dimension),
                initializer=tf.keras.initializers.RandomUniform(-0.01, 0.01),
            )
            for position, (name, spec) in enumerate(self._specs.items())
        }

    @property
    def width(self) -> int:
        """Width of the output."""
        return sum(spec.dimension for spec in self._specs.values())

    @property
    def id_tables(self) -> list[tf.Variable]:
        """All tables: hashing is for ids, and for features with as many values as ids."""
        return list(self._tables.values())

    def call(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor], training: bool = False) -> tf.Tensor:
        """Hashes, embeds and concatenates."""
        return tf.concat([self._embed(name, features[name], training) for name in self._specs], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The specs."""
        return {"specs": dump_specs(self._specs), **super().get_config()}

    def _embed(self, name: str, values: tf.Tensor | tf.RaggedTensor, training: bool) -> tf.Tensor:
        multi_valued = isinstance(values, tf.RaggedTensor)
        flat = values.flat_values if multi_valued else values
        rows = self._hide(self._hashes[name](flat) + 1, self._specs[name].dropout if training else 0.0)
        embedded = tf.gather(self._tables[name], rows)
        return ragged_mean(embedded, values.value_rowids(), values.nrows()) if multi_valued else embedded

    @staticmethod
    def _hide(rows: tf.Tensor, rate: float) -> tf.Tensor:
        if not rate:
            return rows
        return tf.where(tf.random.uniform(tf.shape(rows)) < rate, tf.zeros_like(rows), rows)
