"""Hours and weekdays of nodes' times."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.config.tables import TimePart
from tfgrec.graph.examples.time_parts import TIME_PART_SIZES, time_part
from tfgrec.model.features.feature_specs import TimeOfSpec, dump_specs, parse_specs


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class TimeFeatures(tf.keras.layers.Layer):
    """Encodes parts of times: sine and cosine of their place in the day or week, or an embedding of each part.

    A time of zero or less is unknown: its sine and cosine are zero, its embedding is row 0.

    Call: `{feature: int64 [num_nodes], milliseconds since 1970}` -> `[num_nodes, width]` float32.
    """

    def __init__(self, *, specs: Mapping[str, TimeOfSpec | dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._specs: dict[str, TimeOfSpec] = parse_specs(specs)
        self._tables = {
            name: self.add_weight(
                name=name,
                shape=(sum(TIME_PART_SIZES[part] + 1 for part in spec.parts), spec.dimension),
                initializer=tf.keras.initializers.RandomUniform(-0.05, 0.05),
            )
            for name, spec in self._specs.items()
            if spec.dimension is not None
        }

    def call(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Encodes and concatenates."""
        return tf.concat([self._encode(name, features[name]) for name in self._specs], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The specs."""
        return {"specs": dump_specs(self._specs), **super().get_config()}

    def _encode(self, name: str, times: tf.Tensor) -> tf.Tensor:
        spec = self._specs[name]
        parts = [
            time_part(times, TimePart(time_part=part, utc_offset_hours=spec.utc_offset_hours)) for part in spec.parts
        ]
        stacked, known = tf.stack(parts, axis=1), (times > 0)[:, tf.newaxis]
        sizes = [TIME_PART_SIZES[part] for part in spec.parts]
        return (
            self._waves(stacked, known, sizes) if spec.dimension is None else self._embed(name, stacked, known, sizes)
        )

    def _waves(self, parts: tf.Tensor, known: tf.Tensor, sizes: list[int]) -> tf.Tensor:
        angles = tf.cast(parts, tf.float32) * [2 * math.pi / size for size in sizes]
        waves = tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)
        return tf.cast(tf.where(known, waves, 0.0), self.compute_dtype)

    def _embed(self, name: str, parts: tf.Tensor, known: tf.Tensor, sizes: list[int]) -> tf.Tensor:
        first_rows = [sum(size + 1 for size in sizes[:position]) for position in range(len(sizes))]
        rows = tf.where(known, parts + 1, 0) + tf.constant(first_rows, tf.int64)
        return tf.reshape(tf.gather(self._tables[name], rows), [-1, len(sizes) * self._tables[name].shape[1]])
