"""The numbers behind the plots."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from tfgrec.report.curves import calibration_bins, regression_bins, roc_curve, smoothed, thinned_positions


def test_roc_curve_is_scikit_learns():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 300)
    predictions = np.round(generator.normal(labels), 1)
    false_rate, true_rate = roc_curve(labels, predictions, max_points=1_000)
    expected = sklearn_metrics.roc_curve(labels, predictions, drop_intermediate=False)
    np.testing.assert_allclose(false_rate, expected[0])
    np.testing.assert_allclose(true_rate, expected[1])


def test_a_thinned_roc_curve_keeps_its_ends_and_nearly_its_area():
    generator = np.random.default_rng(1)
    labels = (generator.random(50_000) < 0.02).astype(float)
    predictions = generator.normal(2 * labels)
    false_rate, true_rate = roc_curve(labels, predictions, max_points=200)
    assert len(false_rate) <= 200
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    area = (np.diff(false_rate) * (true_rate[1:] + true_rate[:-1]) / 2).sum()
    assert area == pytest.approx(sklearn_metrics.roc_auc_score(labels, predictions), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=60))
def test_bins_hold_every_row_once_and_rise(rows):
    predictions, labels = np.array([row[0] / 6 for row in rows]), np.array([float(row[1]) for row in rows])
    for bins in (calibration_bins(labels, predictions), regression_bins(labels, predictions)):
        assert bins.counts.sum() == len(rows) and bins.counts.min() > 0 and len(bins.counts) <= 10
        assert (np.diff(bins.predictions) > 0).all()
        assert (bins.counts * bins.labels).sum() == pytest.approx(labels.sum())
        assert (bins.counts * bins.predictions).sum() == pytest.approx(predictions.sum())


def test_bins_of_distinct_predictions_are_of_equal_size():
    predictions = np.random.default_rng(2).permutation(1_000) / 1_000
    assert calibration_bins(np.ones(1_000), predictions).counts.tolist() == [100] * 10


def test_calibration_intervals_hold_the_true_rate_about_as_often_as_they_say():
    generator = np.random.default_rng(3)
    held = []
    for _ in range(200):
        bins = calibration_bins((generator.random(500) < 0.05).astype(float), generator.random(500))
        held.append((bins.low <= 0.05) & (bins.high >= 0.05))
        assert (bins.low >= -1e-12).all()
    assert 0.92 < np.mean(held) < 0.98


def test_regression_bins_hold_the_middle_half():
    generator = np.random.default_rng(4)
    predictions = np.repeat([1.0, 2.0], 5_000)
    bins = regression_bins(generator.normal(10 * predictions), predictions)
    np.testing.assert_allclose(bins.high - bins.labels, 0.674, atol=0.05)
    np.testing.assert_allclose(bins.labels - bins.low, 0.674, atol=0.05)


def test_thinned_positions_are_few_distinct_and_include_both_ends():
    along = np.cumsum(np.random.default_rng(5).exponential(size=10_000))
    positions = thinned_positions(along, 100)
    assert 90 <= len(positions) <= 100
    assert (positions[0], positions[-1]) == (0, 9_999)
    assert thinned_positions(along[:50], 100).tolist() == list(range(50))


def test_smoothing_keeps_constants_and_passes_over_gaps():
    np.testing.assert_allclose(smoothed(np.array([np.nan, 2.0, np.nan, 2.0]), span=5), [np.nan, 2, 2, 2])
    noisy = np.random.default_rng(6).normal(size=2_000)
    assert smoothed(noisy, span=100)[200:].std() < 0.2 * noisy.std()
