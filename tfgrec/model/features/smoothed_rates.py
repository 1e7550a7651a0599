"""Ratios of counts as request features."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from pydantic import TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.config.encodings import SmoothedRate
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import READOUT
from tfgrec.model.features.piecewise_linear import piecewise_linear

_SMALLEST_RATE = 1e-6
# Beyond any count; sums of larger numbers would overflow.
_LARGEST_COUNT = 1e15
# The first and the last edge of bins, as shares of what is expected. Bins beyond would hold next to nothing.
_OUTERMOST = 0.001


class RateSpec(FrozenConfig):
    """A configured rate with its prior, the ratio of the training records' means, and the edges of its bins if any."""

    of: str
    over: list[str]
    smoothing: float
    prior: float
    bin_edges: list[float] = []


_SPECS: TypeAdapter = TypeAdapter(dict[str, RateSpec])


def resolve_rates(
    rates: Mapping[str, SmoothedRate], statistics: Mapping[str, Any], *, bins: int = 0
) -> dict[str, RateSpec]:
    """Joins the configured rates with their priors, and with the edges of `bins` bins.

    Raises:
      ConfigurationError: The statistics lack one of a rate's counts.
    """
    return {name: _rate_spec(rate, _prior(name, rate, statistics), bins) for name, rate in rates.items()}


def _rate_spec(rate: SmoothedRate, prior: float, bins: int) -> RateSpec:
    edges = expected_edges(prior, rate.smoothing, bins) if bins else []
    return RateSpec(of=rate.of, over=rate.over, smoothing=rate.smoothing, prior=prior, bin_edges=edges)


def expected_edges(prior: float, smoothing: float, bins: int) -> list[float]:
    """Edges at evenly spaced quantiles of logit(share) - logit(prior) for a share that is Beta-distributed with the
    mean `prior` and the weight `smoothing`.

    That is what smoothing takes for granted before anything is counted. The records' statistics know each count by
    itself, which doesn't tell how their ratios are spread.
    """
    limit = np.log1p(-_SMALLEST_RATE) - np.log(_SMALLEST_RATE)
    logits = np.linspace(-limit, limit, 20_001)
    log_density = -smoothing * (prior * np.logaddexp(0, -logits) + (1 - prior) * np.logaddexp(0, logits))
    below = np.cumsum(np.exp(log_density - log_density.max()))
    ranks = np.array([_OUTERMOST, *(np.arange(1, bins) / bins), 1 - _OUTERMOST])
    edges = np.interp(ranks * below[-1], below, logits)
    return (edges - np.log(prior) + np.log1p(-prior)).tolist()


def _prior(name: str, rate: SmoothedRate, statistics: Mapping[str, Any]) -> float:
    def mean(feature: str) -> float:
        summary = (statistics.get(READOUT, {}).get(feature) or {}).get("numeric")
        if summary is None:
            raise ConfigurationError(
                f"model.rates.{name}: the training records' statistics have no mean of '{feature}'"
            )
        return float(summary["mean"])

    total = sum(mean(feature) for feature in rate.over)
    share = mean(rate.of) / total if total > 0 else 0.5
    return min(max(share, _SMALLEST_RATE), 1 - _SMALLEST_RATE)


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class SmoothedRates(tf.keras.layers.Layer):
    """logit((of + smoothing prior) / (sum(over) + smoothing)) - logit(prior): 0 where nothing was counted.

    Call: `{feature: [num_candidates]}` counts -> `[num_candidates, num_rates]` float32, and beside it the bins of the
    rates that have some, see `piecewise_linear`. A missing count (NaN) is 0.
    """

    def __init__(self, *, rates: Mapping[str, RateSpec | dict[str, Any]], **kwargs: Any) -> None:
        # Counts lose too much in half precision, so they are not even cast to it.
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._rates: dict[str, RateSpec] = _SPECS.validate_python(dict(rates))
        self._binned = [place for place, rate in enumerate(self._rates.values()) if rate.bin_edges]

    def call(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Computes all rates, and their bins."""

        def stack(names: Sequence[str]) -> tf.Tensor:
            counts = tf.stack([tf.cast(features[name], tf.float32) for name in names], axis=1)
            return tf.where(tf.math.is_finite(counts), tf.clip_by_value(counts, 0.0, _LARGEST_COUNT), 0.0)

        rates = list(self._rates.values())
        smoothing = tf.constant([rate.smoothing for rate in rates])
        prior = tf.constant([rate.prior for rate in rates])
        totals = tf.stack([tf.reduce_sum(stack(rate.over), axis=1) for rate in rates], axis=1)
        share = (stack([rate.of for rate in rates]) + smoothing * prior) / (totals + smoothing)
        values = _logit(share) - _logit(prior)
        if not self._binned:
            return values
        edges = [rates[place].bin_edges for place in self._binned]
        return tf.concat([values, piecewise_linear(tf.gather(values, self._binned, axis=1), edges)], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The rates, priors included."""
        return {"rates": {name: rate.model_dump() for name, rate in self._rates.items()}, **super().get_config()}


def _logit(share: tf.Tensor) -> tf.Tensor:
    share = tf.clip_by_value(share, _SMALLEST_RATE, 1 - _SMALLEST_RATE)
    return tf.math.log(share) - tf.math.log1p(-share)
