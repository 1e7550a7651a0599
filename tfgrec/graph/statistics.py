"""Statistics of features, gathered piece by piece in any order: what the model normalises and looks values up with."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.graph.categorical_statistics import CategoricalStatistics
from tfgrec.graph.schema import ID, Feature

NUM_QUANTILES = 65
SAMPLE_SIZE = 16_384


class NumericStatistics:
    """Moments and quantiles of finite numbers; NaN and infinities are left out.

    Quantiles come from the values of the `SAMPLE_SIZE` rows with the
    smallest keys, so that they don't depend on how rows were split; the extremes are exact.
    """

    def __init__(self) -> None:
        self._plain = _Moments()
        self._log = _Moments()
        self._range = (np.inf, -np.inf)
        self._keys = np.empty(0, np.uint64)
        self._sample = np.empty(0, np.float64)

    def add(self, values: np.ndarray, keys: np.ndarray) -> None:
        """Takes in `values [num_values]` of the rows with `keys [num_values]`."""
        finite = np.isfinite(values)
        values, keys = values[finite].astype(np.float64), keys[finite]
        if not len(values):
            return
        # In order, so that sums are the same in whatever order the rows came; logarithms are then in order too.
        ordered = np.sort(values)
        self._plain.add(ordered)
        self._log.add(np.sign(ordered) * np.log1p(np.abs(ordered)))
        self._widen(values.min(), values.max())
        self._extend_sample(values, keys)

    def merge(self, other: "NumericStatistics") -> None:
        """Takes in all that `other` took in."""
        self._plain.merge(other._plain)
        self._log.merge(other._log)
        self._widen(*other._range)
        self._extend_sample(other._sample, other._keys)

    def to_json(self) -> dict[str, Any]:
        """Count, moments (plain and of sign(x) log(1 + |x|)) and `NUM_QUANTILES` evenly spaced quantiles."""
        quantiles = np.zeros(NUM_QUANTILES)
        if len(self._sample):
            quantiles = np.quantile(self._sample, np.linspace(0, 1, NUM_QUANTILES))
            quantiles[[0, -1]] = self._range
        count, mean, standard_deviation = self._plain.total()
        _, log_mean, log_standard_deviation = self._log.total()
        return {
            "count": count,
            "mean": mean,
            "standard_deviation": standard_deviation,
            "log_mean": log_mean,
            "log_standard_deviation": log_standard_deviation,
            "quantiles": quantiles.tolist(),
        }

    def _widen(self, smallest: float, largest: float) -> None:
        self._range = (min(self._range[0], float(smallest)), max(self._range[1], float(largest)))

    def _extend_sample(self, values: np.ndarray, keys: np.ndarray) -> None:
        if len(self._keys) >= SAMPLE_SIZE:
            # Of many more rows than are kept, hardly any has to be sorted.
            wanted = keys <= self._keys[-1]
            values, keys = values[wanted], keys[wanted]
        values = np.concatenate([self._sample, values])
        keys = np.concatenate([self._keys, keys])
        kept = np.lexsort((values, keys))[:SAMPLE_SIZE]
        self._sample, self._keys = values[kept], keys[kept]


class _Piece(NamedTuple):
    """Count, mean and sum of squared deviations of some numbers."""

    count: int
    mean: float
    deviations: float

    def with_piece(self, other: "_Piece") -> "_Piece":
        """Both pieces as one, by Chan's formulas."""
        count = self.count + other.count
        difference = other.mean - self.mean
        deviations = self.deviations + other.deviations + difference**2 * self.count * other.count / count
        return _Piece(count, self.mean + difference * other.count / count, deviations)


class _Moments:
    """Mean and standard deviation of numbers, to the last bit the same in whatever order they were merged.

    What is added becomes one piece; pieces that are merged stay apart (one a shard) until they are summed in order.
    """

    def __init__(self) -> None:
        self._added: _Piece | None = None
        self._merged: list[_Piece] = []

    def add(self, values: np.ndarray) -> None:
        """Takes in values in ascending order."""
        mean = values.mean()
        piece = _Piece(len(values), float(mean), float(np.square(values - mean).sum()))
        self._added = piece if self._added is None else self._added.with_piece(piece)

    def merge(self, other: "_Moments") -> None:
        self._merged += other._pieces()

    def total(self) -> tuple[int, float, float]:
        """Count, mean and standard deviation of all."""
        pieces = sorted(self._pieces())
        if not pieces:
            return 0, 0.0, 0.0
        whole = functools.reduce(_Piece.with_piece, pieces)
        return whole.count, whole.mean, float(np.sqrt(whole.deviations / whole.count))

    def _pieces(self) -> list[_Piece]:
        return [*self._merged, *([] if self._added is None else [self._added])]


class FeatureStatistics:
    """Statistics of one feature: numeric for floats and scalar integers, categorical for strings and integers."""

    def __init__(self, name: str, feature: Feature) -> None:
        is_id = name == ID
        numeric = feature.dtype == "float32" or (feature.dtype == "int64" and not feature.multi_valued and not is_id)
        self._numeric = NumericStatistics() if numeric else None
        self._categorical = CategoricalStatistics(unique=is_id) if feature.dtype != "float32" else None

    def add(self, values: pa.Array, keys: np.ndarray) -> None:
        """Takes in the feature of the rows with `keys [num_rows]`."""
        if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            keys = np.repeat(keys, pc.list_value_length(values).to_numpy())
            values = values.flatten()
        if self._numeric is not None:
            self._numeric.add(values.to_numpy(zero_copy_only=False), keys)
        if self._categorical is not None:
            self._categorical.add(values, keys)

    def merge(self, other: "FeatureStatistics") -> None:
        """Takes in all that `other` took in."""
        if self._numeric is not None:
            self._numeric.merge(other._numeric)
        if self._categorical is not None:
            self._categorical.merge(other._categorical)

    def to_json(self) -> dict[str, Any]:
        """Plain values; what does not fit the feature's type is None."""
        return {
            "numeric": None if self._numeric is None else self._numeric.to_json(),
            "categorical": None if self._categorical is None else self._categorical.to_json(),
        }


class StatisticsAccumulator:
    """Statistics of the features of several sets of rows (node sets, `_readout`, edges). Can be pickled and merged.

    `features` are the features to look at, by set and name.
    """

    def __init__(self, features: Mapping[str, Mapping[str, Feature]]) -> None:
        self._statistics = {
            set_name: {name: FeatureStatistics(name, feature) for name, feature in of_set.items()}
            for set_name, of_set in features.items()
        }

    def add(self, set_name: str, columns: Mapping[str, pa.Array], keys: np.ndarray) -> None:
        """Takes in rows of a set: one column `[num_rows]` a feature (others are ignored), and `row_keys` of them."""
        for name, statistics in self._statistics[set_name].items():
            statistics.add(columns[name], keys)

    def merge(self, other: "StatisticsAccumulator") -> None:
        """Takes in all that `other`, made for the same features, took in."""
        for set_name, of_set in self._statistics.items():
            for name, statistics in of_set.items():
                statistics.merge(other._statistics[set_name][name])

    def to_json(self) -> dict[str, dict[str, dict[str, Any]]]:
        """`{set: {feature: {"numeric": {...} or None, "categorical": {...} or None}}}`."""
        return {
            set_name: {name: statistics.to_json() for name, statistics in of_set.items()}
            for set_name, of_set in self._statistics.items()
        }


def row_keys(*columns: np.ndarray) -> np.ndarray:
    """Evenly spread keys, uint64 `[num_rows]`, of rows that `columns` (integers or strings) tell apart.

    A node's id, or user, time and item of a candidate: the row's key must not depend on where the row was read.
    """
    keys = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        keys = pd.util.hash_array(keys ^ pd.util.hash_array(np.asarray(column)))
    return keys
