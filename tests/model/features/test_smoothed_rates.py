"""Smoothed rates against the formula in the configuration."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.encodings import SmoothedRate
from tfgrec.errors import ConfigurationError
from tfgrec.model.features.smoothed_rates import SmoothedRates, resolve_rates


def mean(value: float) -> dict:
    return {"numeric": {"mean": value}, "categorical": None}


STATISTICS = {"_readout": {"clicked": mean(2.0), "skipped": mean(6.0), "shown": mean(10.0)}}
RATES = {
    "click": SmoothedRate(of="clicked", over=["clicked", "skipped"], smoothing=4),
    "seen": SmoothedRate(of="skipped", over=["shown"], smoothing=1),
}


def logit(share: np.ndarray) -> np.ndarray:
    return np.log(share / (1 - share))


def test_agrees_with_the_formula() -> None:
    layer = SmoothedRates(rates=resolve_rates(RATES, STATISTICS))
    clicked, skipped, shown = np.array([0.0, 3, 100]), np.array([0.0, 1, 50]), np.array([0.0, 9, 90])
    values = {"clicked": clicked, "skipped": skipped, "shown": shown}
    output = layer({name: tf.constant(counts, tf.float32) for name, counts in values.items()})
    np.testing.assert_allclose(
        output[:, 0], logit((clicked + 4 * 0.25) / (clicked + skipped + 4)) - logit(0.25), atol=1e-5
    )
    np.testing.assert_allclose(output[:, 1], logit((skipped + 0.6) / (shown + 1)) - logit(0.6), atol=1e-5)


def test_nothing_counted_or_nothing_known_is_zero() -> None:
    layer = SmoothedRates(rates=resolve_rates(RATES, STATISTICS))
    nothing = {name: tf.constant([0.0, np.nan]) for name in ("clicked", "skipped", "shown")}
    np.testing.assert_allclose(layer(nothing), np.zeros((2, 2)), atol=1e-6)


def test_counts_that_contradict_each_other_stay_finite() -> None:
    layer = SmoothedRates(rates=resolve_rates(RATES, STATISTICS))
    output = layer({"clicked": [5.0], "skipped": [1e9], "shown": [0.0]})
    assert np.all(np.isfinite(output))


def test_a_count_that_never_occurs_has_a_finite_prior() -> None:
    statistics = {"_readout": {"clicked": mean(0.0), "skipped": mean(0.0), "shown": mean(0.0)}}
    layer = SmoothedRates(rates=resolve_rates(RATES, statistics))
    assert np.all(np.isfinite(layer({"clicked": [0.0], "skipped": [3.0], "shown": [4.0]})))


def test_missing_statistics_name_the_rate() -> None:
    with pytest.raises(ConfigurationError, match="model.rates.seen.*no mean of 'shown'"):
        resolve_rates(RATES, {"_readout": {"clicked": mean(1.0), "skipped": mean(1.0)}})


def test_a_copy_from_the_config_computes_the_same() -> None:
    layer = SmoothedRates(rates=resolve_rates(RATES, STATISTICS))
    copy = SmoothedRates.from_config(layer.get_config())
    values = {"clicked": tf.constant([5.0]), "skipped": tf.constant([1.0]), "shown": tf.constant([3.0])}
    np.testing.assert_array_equal(layer(values), copy(values))
