"""Ratios of counts as request features."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from pydantic import TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.config.encodings import SmoothedRate
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import READOUT

_SMALLEST_RATE = 1e-6


class RateSpec(FrozenConfig):
    """A configured rate with its prior, the ratio of the training records' means."""

    of: str
    over: list[str]
    smoothing: float
    prior: float


_SPECS: TypeAdapter = TypeAdapter(dict[str, RateSpec])


def resolve_rates(rates: Mapping[str, SmoothedRate], statistics: Mapping[str, Any]) -> dict[str, RateSpec]:
    """Joins the configured rates with their priors.

    Raises:
      ConfigurationError: The statistics lack one of a rate's counts.
    """
    return {
        name: RateSpec(of=rate.of, over=rate.over, smoothing=rate.smoothing, prior=_prior(name, rate, statistics))
        for name, rate in rates.items()
    }


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

    Call: `{feature: [num_candidates]}` counts -> `[num_candidates, num_rates]` float32. A missing count (NaN) is 0.
    """

    def __init__(self, *, rates: Mapping[str, RateSpec | dict[str, Any]], **kwargs: Any) -> None:
        # Counts lose too much in half precision, so they are not even cast to it.
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._rates: dict[str, RateSpec] = _SPECS.validate_python(dict(rates))

    def call(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Computes all rates."""

        def stack(names: Sequence[str]) -> tf.Tensor:
            counts = tf.stack([features[name] for name in names], axis=1)
            return tf.where(tf.math.is_finite(counts), tf.maximum(counts, 0.0), 0.0)

        rates = list(self._rates.values())
        smoothing = tf.constant([rate.smoothing for rate in rates])
        prior = tf.constant([rate.prior for rate in rates])
        totals = tf.stack([tf.reduce_sum(stack(rate.over), axis=1) for rate in rates], axis=1)
        share = (stack([rate.of for rate in rates]) + smoothing * prior) / (totals + smoothing)
        return _logit(share) - _logit(prior)

    def get_config(self) -> dict[str, Any]:
        """The rates, priors included."""
        return {"rates": {name: rate.model_dump() for name, rate in self._rates.items()}, **super().get_config()}


def _logit(share: tf.Tensor) -> tf.Tensor:
    share = tf.clip_by_value(share, _SMALLEST_RATE, 1 - _SMALLEST_RATE)
    return tf.math.log(share) - tf.math.log1p(-share)
