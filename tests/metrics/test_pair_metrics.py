"""AUC, GAUC and concordance against scikit-learn and against every pair counted one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from tfgrec.metrics import task_metric
from tfgrec.metrics.pair_order import PairOrder, pairs_by_row

# Few distinct values, so that ties in labels and in predictions are common.
rows = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40
)


def share_by_brute_force(labels, predictions, weights):
    correct = comparable = 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] > labels[j]:
                weight = weights[i] * weights[j]
                comparable += weight
                correct += weight * ((predictions[i] > predictions[j]) + (predictions[i] == predictions[j]) / 2)
    return correct / comparable if comparable else None


@settings(max_examples=200, deadline=None)
@given(rows)
def test_weighted_share_is_that_of_all_pairs(values):
    labels, predictions, weights, _ = np.array(values, dtype=float).T
    expected = share_by_brute_force(labels, predictions, weights)
    found = PairOrder(labels, predictions).share(weights)
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


@settings(max_examples=100, deadline=None)
@given(rows)
def test_pairs_of_each_row_are_those_counted_one_by_one(values):
    labels, predictions, *_ = np.array(values, dtype=float).T
    differ = np.sign(labels[:, None] - labels)
    correct = (np.sign(predictions[:, None] - predictions) * differ + 1) / 2 * (differ != 0)
    found = pairs_by_row(labels, predictions)
    np.testing.assert_array_equal(found, [correct.sum(axis=1), (differ != 0).sum(axis=1)])


@settings(max_examples=100, deadline=None)
@given(rows)
def test_many_weightings_at_once_are_the_single_ones(values):
    labels, predictions, first, second = np.array(values, dtype=float).T
    pairs = PairOrder(labels, predictions)
    together = pairs.share(np.stack([first, second]))
    np.testing.assert_array_equal(together, [pairs.share(first), pairs.share(second)])


@settings(max_examples=100, deadline=None)
@given(rows)
def test_integer_weights_are_repeated_rows(values):
    labels, predictions, weights, _ = np.array(values).T
    repeated = task_metric("concordance", np.repeat(labels, weights), np.repeat(predictions, weights))
    weighted = PairOrder(labels, predictions).share(weights.astype(float))
    assert np.isnan(weighted) if repeated is None else weighted == pytest.approx(repeated)


@settings(max_examples=100, deadline=None)
@given(rows)
def test_concordance_turns_round_with_the_predictions_and_ignores_their_scale(values):
    labels, predictions, *_ = np.array(values, dtype=float).T
    share = task_metric("concordance", labels, predictions)
    if share is not None:
        assert task_metric("concordance", labels, -predictions) == pytest.approx(1 - share)
        assert task_metric("concordance", labels, np.exp(predictions)) == share


def test_auc_is_scikit_learns():
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 5_000)
    predictions = np.round(generator.normal(labels, 2.0), 1)
    assert task_metric("auc", labels, predictions) == pytest.approx(
        sklearn_metrics.roc_auc_score(labels, predictions), abs=1e-12
    )
    assert task_metric("concordance", labels, predictions) == task_metric("auc", labels, predictions)


def test_gauc_is_the_row_weighted_mean_over_users_with_both_labels():
    generator = np.random.default_rng(2)
    users = generator.integers(0, 60, 400).astype(str)
    labels = (generator.random(400) < 0.2).astype(float)
    predictions = np.round(generator.random(400), 1)
    total = weight = 0.0
    one_sided = 0
    for user in np.unique(users):
        mine = users == user
        if len(np.unique(labels[mine])) < 2:
            one_sided += 1
            continue
        total += mine.sum() * sklearn_metrics.roc_auc_score(labels[mine], predictions[mine])
        weight += mine.sum()
    assert one_sided > 0
    assert task_metric("gauc", labels, predictions, users=users) == pytest.approx(total / weight, abs=1e-12)


@pytest.mark.parametrize("labels", [[], [1.0, 1.0], [0.0]])
def test_undefined_is_none(labels):
    labels = np.array(labels)
    predictions, users = np.linspace(0, 1, len(labels)), np.zeros(len(labels))
    assert task_metric("auc", labels, predictions) is None
    assert task_metric("concordance", labels, predictions) is None
    assert task_metric("gauc", labels, predictions, users=users) is None
