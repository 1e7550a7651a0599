"""Numbers, transformed and normalised."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgrec.model.features.absent import is_absent
from tfgrec.model.features.feature_specs import NumericSpec, dump_specs, parse_specs
from tfgrec.model.features.piecewise_linear import piecewise_linear
from tfgrec.model.features.several_values import combine_values

# Normalised values are cut here, so that one wild value can't throw the network off.
LARGEST_VALUE = 5.0

_TRANSFORMS = ("standard", "log", "quantile", "piecewise")


def signed_log(values: tf.Tensor) -> tf.Tensor:
    """sign(x) log(1 + |x|)."""
    return tf.sign(values) * tf.math.log1p(tf.abs(values))


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class NumericFeatures(tf.keras.layers.Layer):
    """Normalises the numeric features of one node set, the same way in training and in serving, in float32.

    `standard`: (x - mean) / standard deviation. `log`: the same of sign(x) log(1 + |x|). `quantile`: a monotone
    piecewise-linear map of sign(x) log(1 + |x|) to normal scores. `piecewise`: how far sign(x) log(1 + |x|) has come in
    each bin, from -1/2 to 1/2; on that scale, since the last bin reaches up to the largest outlier. NaN, infinities
    and absent integers become 0, the mean (the middle of every bin). A feature with several values counts by their
    mean. Has no variables.

    Call: `{feature: [num_nodes] or [num_nodes, (num_values)]}` -> `[num_nodes, width]` float32: the features that are
    read as `standard`, those as `log`, those as `quantile`, the bins of those read as `piecewise`, then the indicators
    of negative values.
    """

    def __init__(self, *, specs: Mapping[str, NumericSpec | dict[str, Any]], **kwargs: Any) -> None:
        # Half precision would cut raw numbers before they are normalised.
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._specs: dict[str, NumericSpec] = parse_specs(specs)
        names = list(self._specs)
        # Each transform works on all of its columns at once.
        self._read = {
            transform: [names.index(name) for name, spec in self._specs.items() if transform in spec.transforms]
            for transform in _TRANSFORMS
        }
        self._edges = [_signed_log(spec.bin_edges) for spec in self._specs_of("piecewise")]
        # The feature of each column.
        bins = [len(edges) - 1 for edges in self._edges]
        single = [position for transform in _TRANSFORMS[:-1] for position in self._read[transform]]
        self._sources = [*single, *np.repeat(np.array(self._read["piecewise"], int), bins).tolist()]
        self._indicated = [names.index(name) for name, spec in self._specs.items() if spec.negative_indicator]

    def call(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tf.Tensor:
        """Normalises, and appends the indicators."""
        raw, known = self._raw(features)
        normalised = self._normalised(raw, known)
        if not self._indicated:
            return normalised
        negative = _take(known & (raw < 0), self._indicated)
        return tf.concat([normalised, tf.cast(negative, tf.float32)], axis=1)

    def normalise(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """The normalised columns alone, and whether each was known, both `[num_nodes, num_columns]`."""
        raw, known = self._raw(features)
        return self._normalised(raw, known), self._of_columns(known)

    def get_config(self) -> dict[str, Any]:
        """The specs, constants included."""
        return {"specs": dump_specs(self._specs), **super().get_config()}

    def _raw(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """The numbers as they are and whether they are known, `[num_nodes, num_features]`."""
        raw = tf.stack([_as_numbers(features[name]) for name in self._specs], axis=1)
        return raw, tf.math.is_finite(raw)

    def _of_columns(self, of_features: tf.Tensor) -> tf.Tensor:
        return _take(of_features, self._sources)

    def _normalised(self, raw: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
        parts = []
        if self._read["standard"]:
            numbers = _take(raw, self._read["standard"])
            parts.append(self._standardise(numbers, "standard", "mean", "standard_deviation"))
        if any(self._read[transform] for transform in _TRANSFORMS[1:]):
            logs = signed_log(raw)
        if self._read["log"]:
            numbers = _take(logs, self._read["log"])
            parts.append(self._standardise(numbers, "log", "log_mean", "log_standard_deviation"))
        if self._read["quantile"]:
            parts.append(self._to_normal_scores(_take(logs, self._read["quantile"])))
        if self._read["piecewise"]:
            parts.append(piecewise_linear(_take(logs, self._read["piecewise"]), self._edges))
        columns = parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
        return tf.where(self._of_columns(known), tf.clip_by_value(columns, -LARGEST_VALUE, LARGEST_VALUE), 0.0)

    def _specs_of(self, transform: str) -> list[NumericSpec]:
        specs = list(self._specs.values())
        return [specs[position] for position in self._read[transform]]

    def _standardise(self, numbers: tf.Tensor, transform: str, mean: str, deviation: str) -> tf.Tensor:
        means = np.array([getattr(spec, mean) for spec in self._specs_of(transform)], np.float32)
        deviations = np.array([getattr(spec, deviation) for spec in self._specs_of(transform)], np.float32)
        return (numbers - means) / deviations

    def _to_normal_scores(self, logs: tf.Tensor) -> tf.Tensor:
        """A sum of ramps: each rises from 0 to its score difference between two knots."""
        first, starts, widths, rises = _ramps(self._specs_of("quantile"))
        progress = tf.clip_by_value((logs[:, :, tf.newaxis] - starts) / widths, 0.0, 1.0)
        return first + tf.reduce_sum(progress * rises, axis=2)


def _take(columns: tf.Tensor, positions: Sequence[int]) -> tf.Tensor:
    if list(positions) == list(range(columns.shape[1])):
        return columns
    return tf.gather(columns, positions, axis=1)


def _signed_log(values: Sequence[float]) -> np.ndarray:
    numbers = np.asarray(values, np.float64)
    return np.sign(numbers) * np.log1p(np.abs(numbers))


def _as_numbers(values: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    if isinstance(values, tf.RaggedTensor):
        flat = tf.cast(values.flat_values, tf.float32)
        mean = combine_values("mean", flat, values)
        return tf.where(values.row_lengths() > 0, mean, np.nan)
    if values.dtype == tf.int64:
        return tf.where(is_absent(values), np.nan, tf.cast(values, tf.float32))
    return tf.cast(values, tf.float32)


def _ramps(specs: list[NumericSpec]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """First scores `[num_features]`, and starts, widths and rises of ramps `[num_features, num_ramps]`."""
    num_ramps = max(max(len(spec.knots) for spec in specs) - 1, 1)
    starts, rises = np.zeros((2, len(specs), num_ramps), np.float32)
    widths = np.ones((len(specs), num_ramps), np.float32)
    for row, spec in enumerate(specs):
        knots, scores = _signed_log(spec.knots), np.asarray(spec.scores)
        filled = slice(0, max(len(knots) - 1, 0))
        starts[row, filled], widths[row, filled] = knots[:-1], np.maximum(np.diff(knots), 1e-6)
        rises[row, filled] = np.diff(scores)
    first = np.array([spec.scores[0] if spec.scores else 0.0 for spec in specs], np.float32)
    return first, starts, widths, rises
