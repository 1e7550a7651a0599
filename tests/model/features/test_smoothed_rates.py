"""Smoothed rates against the formula in the configuration."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from tfgrec.config.encodings import SmoothedRate
from tfgrec.errors import ConfigurationError
from tfgrec.model.features.smoothed_rates import SmoothedRates, expected_edges, resolve_rates


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


@pytest.mark.parametrize(("prior", "smoothing"), [(0.25, 4.0), (0.6, 3.0), (0.1, 50.0)])
def test_edges_are_quantiles_of_the_shares_that_smoothing_expects(prior: float, smoothing: float) -> None:
    ranks = [0.001, *(np.arange(1, 8) / 8), 0.999]
    expected = logit(beta.ppf(ranks, smoothing * prior, smoothing * (1 - prior))) - logit(prior)
    np.testing.assert_allclose(expected_edges(prior, smoothing, 8), expected, atol=0.02, rtol=0.01)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.01, 1e5), st.integers(1, 20))
def test_edges_rise_and_stay_finite(prior: float, smoothing: float, bins: int) -> None:
    edges = expected_edges(prior, smoothing, bins)
    assert len(edges) == bins + 1 and np.isfinite(edges).all() and np.all(np.diff(edges) > 0)


def test_bins_stand_beside_the_rates_and_rise_with_what_is_counted() -> None:
    plain, binned = (SmoothedRates(rates=resolve_rates(RATES, STATISTICS, bins=bins)) for bins in (0, 8))
    clicked = np.arange(0.0, 40.0)
    counts = {"clicked": clicked, "skipped": 40 - clicked, "shown": np.full(40, 40.0)}
    counts = {name: tf.constant(values, tf.float32) for name, values in counts.items()}
    values, output = plain(counts).numpy(), binned(counts).numpy()
    assert output.shape == (40, 2 + 2 * 8)
    np.testing.assert_array_equal(output[:, :2], values)
    edges = np.array(expected_edges(0.25, 4.0, 8))
    progress = np.clip((values[:, :1] - edges[:-1]) / np.diff(edges), 0, 1) - 0.5
    np.testing.assert_allclose(output[:, 2:10], progress, atol=1e-4)
    assert np.all(np.diff(output[:, 2:10], axis=0) >= 0) and np.all(np.diff(output[:, 10:], axis=0) <= 0)


def test_a_copy_from_the_config_computes_the_same() -> None:
    layer = SmoothedRates(rates=resolve_rates(RATES, STATISTICS, bins=3))
    copy = SmoothedRates.from_config(layer.get_config())
    values = {"clicked": tf.constant([5.0]), "skipped": tf.constant([1.0]), "shown": tf.constant([3.0])}
    np.testing.assert_array_equal(layer(values), copy(values))
