"""From what the model knows of one side of a request, the user's or the item's, to its vector."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfgrec.graph.schema import READOUT
from tfgrec.model.features.feature_encoding import FeatureEncoder
from tfgrec.model.features.feature_specs import FeatureSpec, dump_specs, parse_specs


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class RetrievalTower(tf.keras.layers.Layer):
    """Concatenates one side's fields and request features; an MLP makes a vector of length 1 of them.

    Args:
      fields: Which fields are this side's.
      specs: Encodings of this side's `_readout` features.
      units: Width of the vector.
      hidden_units: Widths of the hidden layers.

    Call: `{field: [num_candidates, field width]}`, `_readout` features `{feature: [num_candidates]}`
    -> `[num_candidates, units]` float32. Other fields and features are not read.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        specs: Mapping[str, FeatureSpec | dict[str, Any]],
        units: int,
        hidden_units: Sequence[int],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._fields, self._specs = list(fields), parse_specs(specs)
        self._units, self._hidden_units = units, list(hidden_units)
        if not self._fields and not self._specs:
            raise ValueError("RetrievalTower needs a field or a feature. Received: fields=[], specs={}")
        self._encoder = FeatureEncoder(specs={READOUT: self._specs}, name="features") if self._specs else None
        self._mlp = tfrs.layers.blocks.MLP([*self._hidden_units, units], name="mlp")

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return [] if self._encoder is None else self._encoder.id_tables

    def call(
        self, fields: Mapping[str, tf.Tensor], features: Mapping[str, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """Computes the vectors."""
        parts = [fields[name] for name in self._fields]
        if self._encoder is not None:
            parts.append(self._encoder({READOUT: features}, training=training)[READOUT])
        vectors = self._mlp(tf.concat(parts, axis=1))
        return tf.math.l2_normalize(tf.cast(vectors, tf.float32), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Inputs and sizes."""
        return {
            "fields": self._fields,
            "specs": dump_specs(self._specs),
            "units": self._units,
            "hidden_units": self._hidden_units,
            **super().get_config(),
        }
