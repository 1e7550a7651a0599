"""Numbers, transformed and normalised."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgrec.model.feature_specs import NumericSpec, dump_specs, parse_specs
from tfgrec.model.ragged_mean import ragged_mean

# Normalised values are cut here, so that one wild value can't throw the network off.
LARGEST_VALUE = 5.0


def signed_log(values: tf.Tensor) -> tf.Tensor:
    """sign(x) log(1 + |x|)."""
    return tf.sign(values) * tf.math.log1p(tf.abs(values))


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class NumericFeatures(tf.keras.layers.Layer):
    """Normalises the numeric features of one node set, the same way in training and in serving.

    `standard`: (x - mean) / standard deviation. `log`: the same of sign(x) log(1 + |x|). `quantile`: a monotone
    piecewise-linear map of sign(x) log(1 + |x|) to normal scores. NaN and infinities become 0, the mean. A feature
    with several values counts by their mean. Has no variables.

    Call: `{feature: [num_nodes] or [num_nodes, (num_values)]}` -> `[num_nodes, width]` float32: the normalised
    features, then the indicators of negative values.
    """

    def __init__(self, *, specs: Mapping[str, NumericSpec | dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._specs: dict[str, NumericSpec] = parse_specs(specs)
        # Columns in the order of their transform: each transform works on all of its columns at once.
        self._names = {
            transform: [name for name, spec in self._specs.items() if spec.transform == transform]
            for transform in ("standard", "log", "quantile")
        }
        self._indicated = [
            position for position, name in enumerate(self.column_names) if self._specs[name].negative_indicator
        ]

    @property
    def column_names(self) -> list[str]:
        """Feature names in the order of the output's columns."""
        return [name for names in self._names.values() for name in names]

    @property
    def width(self) -> int:
        """Width of the output."""
        return len(self._specs) + len(self._indicated)

    def call(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tf.Tensor:
        """Normalises, and appends the indicators."""
        columns, known = self._columns(features)
        normalised = tf.where(known, self._transform(columns), 0.0)
        if not self._indicated:
            return normalised
        negative = tf.cast(tf.gather(columns, self._indicated, axis=1) < 0, tf.float32)
        return tf.concat([normalised, negative], axis=1)

    def normalise(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """The normalised features alone, and whether each was known, both `[num_nodes, num_features]`."""
        columns, known = self._columns(features)
        return tf.where(known, self._transform(columns), 0.0), known

    def get_config(self) -> dict[str, Any]:
        """The specs, constants included."""
        return {"specs": dump_specs(self._specs), **super().get_config()}

    def _columns(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tuple[tf.Tensor, tf.Tensor]:
        columns = tf.stack([_as_numbers(features[name]) for name in self.column_names], axis=1)
        known = tf.math.is_finite(columns)
        return tf.where(known, columns, 0.0), known

    def _transform(self, columns: tf.Tensor) -> tf.Tensor:
        standard, log, quantile = (len(names) for names in self._names.values())
        parts = tf.split(columns, [standard, log, quantile], axis=1)
        normalised = [
            self._standardise(parts[0], self._names["standard"]),
            self._standardise(signed_log(parts[1]), self._names["log"]),
            self._to_normal_scores(signed_log(parts[2]), self._names["quantile"]),
        ]
        return tf.clip_by_value(tf.concat(normalised, axis=1), -LARGEST_VALUE, LARGEST_VALUE)

    def _standardise(self, columns: tf.Tensor, names: list[str]) -> tf.Tensor:
        means = np.array([self._specs[name].mean for name in names], np.float32)
        deviations = np.array([self._specs[name].standard_deviation for name in names], np.float32)
        return (columns - means) / deviations

    def _to_normal_scores(self, columns: tf.Tensor, names: list[str]) -> tf.Tensor:
        """A sum of ramps: each rises from 0 to its score difference between two knots."""
        if not names:
            return columns
        first, starts, widths, rises = _ramps([self._specs[name] for name in names])
        progress = tf.clip_by_value((columns[:, :, tf.newaxis] - starts) / widths, 0.0, 1.0)
        return first + tf.reduce_sum(progress * rises, axis=2)


def _as_numbers(values: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    if isinstance(values, tf.RaggedTensor):
        flat = tf.cast(values.flat_values, tf.float32)
        mean = ragged_mean(flat, values.value_rowids(), values.nrows())
        return tf.where(values.row_lengths() > 0, mean, np.nan)
    return tf.cast(values, tf.float32)


def _ramps(specs: list[NumericSpec]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """First scores `[num_features]`, and starts, widths and rises of ramps `[num_features, num_ramps]`."""
    num_ramps = max(max(len(spec.knots) for spec in specs) - 1, 1)
    starts, rises = np.zeros((2, len(specs), num_ramps), np.float32)
    widths = np.ones((len(specs), num_ramps), np.float32)
    for row, spec in enumerate(specs):
        knots = np.asarray(spec.knots, np.float64)
        knots, scores = np.sign(knots) * np.log1p(np.abs(knots)), np.asarray(spec.scores)
        filled = slice(0, max(len(knots) - 1, 0))
        starts[row, filled], widths[row, filled] = knots[:-1], np.maximum(np.diff(knots), 1e-6)
        rises[row, filled] = np.diff(scores)
    first = np.array([spec.scores[0] if spec.scores else 0.0 for spec in specs], np.float32)
    return first, starts, widths, rises
