"""Losses of tasks: missing labels, both kinds against NumPy, predictions in label units."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.model import TaskConfig
from tfgrec.model.task_losses import TaskLoss, initial_logit

LOGITS = np.array([-2.0, 0.5, 3.0, 0.0], np.float32)


def loss_of(labels: list[float], **config) -> float:
    return float(TaskLoss(name="task", config=TaskConfig(label="x", **config)).loss(LOGITS, tf.constant(labels)))


def test_binary_is_the_cross_entropy_of_the_labelled_candidates() -> None:
    labels = np.array([0.0, 1.0, np.nan, 1.0])
    chances = 1 / (1 + np.exp(-LOGITS))
    each = -np.log(np.where(labels == 1, chances, 1 - chances))
    assert loss_of(labels.tolist()) == pytest.approx(each[[0, 1, 3]].mean(), rel=1e-5)


def test_regression_is_the_huber_loss_of_log_labels() -> None:
    labels = np.array([0.0, 30.0, np.nan, 1e6])
    errors = np.abs(LOGITS - np.log1p(labels / 10))[[0, 1, 3]]
    expected = np.where(errors <= 0.5, errors**2 / 2, 0.5 * errors - 0.125).mean()
    assert loss_of(labels.tolist(), kind="regression", scale=10, huber_delta=0.5) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_missing_label_is_no_zero_and_gives_no_gradient(kind: str) -> None:
    task = TaskLoss(name="task", config=TaskConfig(label="x", kind=kind))
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = task.loss(logits, tf.constant([1.0, np.nan, np.nan, 0.0]))
    gradient = tape.gradient(loss, logits).numpy()
    assert gradient[1] == gradient[2] == 0 and gradient[0] != 0
    assert loss_of([1.0, np.nan, np.nan, 0.0], kind=kind) != loss_of([1.0, 0.0, 0.0, 0.0], kind=kind)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_no_labels_at_all_are_no_loss(kind: str) -> None:
    assert loss_of([np.nan] * 4, kind=kind) == 0.0


def test_predictions_are_in_label_units() -> None:
    regression = TaskLoss(name="task", config=TaskConfig(label="x", kind="regression", scale=10))
    seconds = np.array([0.0, 5.0, 1234.0], np.float32)
    np.testing.assert_allclose(regression.predictions(tf.constant(np.log1p(seconds / 10))), seconds, rtol=1e-4)
    wild = regression.predictions(tf.constant([-50.0, 1e6])).numpy()
    assert wild[0] == 0 and np.isfinite(wild[1])
    binary = TaskLoss(name="task", config=TaskConfig(label="x"))
    np.testing.assert_allclose(binary.predictions(tf.constant([0.0])), [0.5])


def test_training_starts_at_the_mean_or_the_median_of_the_labels() -> None:
    summary = {"numeric": {"mean": 0.02, "quantiles": [0.0, 30.0, 90.0]}}
    assert initial_logit(TaskConfig(label="x"), summary) == pytest.approx(np.log(0.02 / 0.98))
    regression = TaskConfig(label="x", kind="regression", scale=10)
    assert initial_logit(regression, summary) == pytest.approx(np.log1p(3.0))
    assert initial_logit(regression, None) == 0.0
