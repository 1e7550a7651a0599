"""Losses of tasks: missing labels, sample weights, every loss and transform against NumPy, and back to label units."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tfgrec.config.model import TaskConfig
from tfgrec.model.ranking.label_transforms import LabelTransform
from tfgrec.model.ranking.task_losses import TaskLoss, initial_logit

LOGITS = np.array([-2.0, 0.5, 3.0, 0.0], np.float32)
SECONDS = {"seconds": tf.constant([0.0, 5.0, 60.0, np.nan])}


def make_task(**config: Any) -> TaskLoss:
    return TaskLoss(name="task", config=TaskConfig(label="x", **config))


def loss_of(labels: list[float], **config: Any) -> float:
    return float(make_task(**config).loss(LOGITS, {"x": tf.constant(labels)}, {}).mean())


def test_binary_is_the_cross_entropy_of_the_labelled_candidates() -> None:
    labels = np.array([0.0, 1.0, np.nan, 1.0])
    chances = 1 / (1 + np.exp(-LOGITS))
    each = -np.log(np.where(labels == 1, chances, 1 - chances))
    assert loss_of(labels.tolist()) == pytest.approx(each[[0, 1, 3]].mean(), rel=1e-5)


LOSSES = {
    "huber": lambda errors: np.where(errors <= 0.5, errors**2 / 2, 0.5 * errors - 0.125),
    "log_cosh": lambda errors: np.log(np.cosh(errors)),
    "squared": lambda errors: errors**2,
    "absolute": lambda errors: errors,
}
TRANSFORMS = {"log": np.log1p, "sqrt": np.sqrt, "none": lambda values: values}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_regression_is_the_loss_of_transformed_labels(loss: str, transform: str) -> None:
    labels = np.array([0.0, 30.0, np.nan, 80.0])
    errors = np.abs(LOGITS - TRANSFORMS[transform](labels / 10))[[0, 1, 3]]
    config = {"kind": "regression", "scale": 10, "huber_delta": 0.5 if loss == "huber" else 1.0}
    found = loss_of(labels.tolist(), transform=transform, loss=loss, **config)
    assert found == pytest.approx(LOSSES[loss](errors).mean(), rel=1e-4)


def test_relative_to_a_feature_the_label_is_a_share_of_it() -> None:
    """A duration that is unknown, or below the scale, counts as the scale."""
    task = make_task(kind="regression", transform="none", loss="absolute", scale=10, relative_to="seconds")
    labels = {"x": tf.constant([5.0, 5.0, 30.0, 20.0])}
    shares = np.array([0.5, 0.5, 0.5, 2.0])
    assert float(task.loss(LOGITS, labels, SECONDS).mean()) == pytest.approx(np.abs(LOGITS - shares).mean(), rel=1e-5)
    np.testing.assert_allclose(task.predictions(tf.constant(shares, tf.float32), SECONDS), labels["x"], rtol=1e-5)


@given(
    label=st.floats(0, 1e6, width=32),
    seconds=st.one_of(st.floats(0, 1e5, width=32), st.just(float("nan"))),
    transform=st.sampled_from(list(TRANSFORMS)),
    scale=st.floats(0.1, 1e3),
)
@settings(max_examples=60, deadline=None)
def test_predictions_undo_the_transform(label: float, seconds: float, transform: str, scale: float) -> None:
    config = TaskConfig(label="x", kind="regression", transform=transform, scale=scale, relative_to="seconds")
    features, labels = {"seconds": tf.constant([seconds])}, tf.constant([label])
    there = LabelTransform(config)(labels, features)
    np.testing.assert_allclose(LabelTransform(config).inverse(there, features), labels, rtol=1e-3, atol=1e-3)


def test_wild_logits_give_finite_predictions_and_signed_labels_pass() -> None:
    wild = make_task(kind="regression", scale=10).predictions(tf.constant([-50.0, 1e6]), {}).numpy()
    assert wild[0] == 0 and np.isfinite(wild[1])
    assert make_task(kind="regression", transform="sqrt").predictions(tf.constant([-3.0]), {}).numpy() == 0
    signed = make_task(kind="regression", transform="none", scale=10)
    np.testing.assert_allclose(signed.predictions(tf.constant([-0.5]), {}), [-5.0])
    np.testing.assert_allclose(make_task().predictions(tf.constant([0.0]), {}), [0.5])


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_missing_label_is_no_zero_and_gives_no_gradient(kind: str) -> None:
    task, logits = make_task(kind=kind), tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = task.loss(logits, {"x": tf.constant([1.0, np.nan, np.nan, 0.0])}, {}).mean()
    gradient = tape.gradient(loss, logits).numpy()
    assert gradient[1] == gradient[2] == 0 and gradient[0] != 0
    assert loss_of([1.0, np.nan, np.nan, 0.0], kind=kind) != loss_of([1.0, 0.0, 0.0, 0.0], kind=kind)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_labels_at_all_are_no_loss_and_no_gradient(loss: str) -> None:
    task, logits = make_task(kind="regression", loss=loss, relative_to="seconds"), tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        value = task.loss(logits, {"x": tf.fill([4], np.nan)}, SECONDS)
        mean = value.mean()
    assert float(value.count) == float(mean) == 0
    np.testing.assert_array_equal(tape.gradient(mean, logits), np.zeros(4))


def test_sample_weights_weigh_the_mean() -> None:
    task = make_task(kind="regression", transform="none", loss="absolute", sample_weight="w")
    weights = [1.0, 3.0, 5.0, 0.5]
    found = task.loss(LOGITS, {"x": tf.constant([1.0, 2.0, np.nan, 4.0]), "w": tf.constant(weights)}, {})
    assert float(found.count) == 4.5
    assert float(found.mean()) == pytest.approx((1 * 3.0 + 3 * 1.5 + 0.5 * 4.0) / 4.5)
    odd = task.loss(LOGITS, {"x": tf.constant([1.0, 2.0, 3.0, 4.0]), "w": tf.constant([2.0, np.nan, -1.0, 0.0])}, {})
    assert float(odd.count) == 2 and float(odd.mean()) == pytest.approx(3.0)


def test_a_step_learns_by_sample_weights_that_the_model_does_not_read(build, graph, labels) -> None:
    task = {"label": "click", "sample_weight": "shown"}
    model = build("joint", tasks={"click": task}, rates={}, auto_encoder={"enabled": False})
    assert "shown" not in model.ranker_fields.get_config()["request"]
    weights = tf.constant([2.0, 0.0, np.nan, 1.0, 0.0, 0.0])
    represented = model.represent(graph(), training=False)
    logits = model.rank(model.fields(graph(), represented))
    found = model.task_loss_sums(graph(), logits, {**labels(), "shown": weights})["click"].mean()
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels()["click"], logits["click"]).numpy()
    assert float(found) == pytest.approx((2 * each[0] + each[3]) / 3, rel=1e-5)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_training_starts_at_the_mean_or_the_median_of_the_labels(transform: str) -> None:
    statistics = {
        "x": {"numeric": {"mean": 0.02, "quantiles": [0.0, 30.0, 90.0]}},
        "seconds": {"numeric": {"mean": 20.0, "quantiles": [0.0, 15.0, 30.0]}},
    }
    assert initial_logit(TaskConfig(label="x"), statistics) == pytest.approx(np.log(0.02 / 0.98))
    regression = TaskConfig(label="x", kind="regression", transform=transform, scale=10)
    assert initial_logit(regression, statistics) == pytest.approx(TRANSFORMS[transform](3.0))
    assert initial_logit(regression, {}) == 0.0
    relative = regression.model_copy(update={"relative_to": "seconds"})
    assert initial_logit(relative, statistics) == pytest.approx(TRANSFORMS[transform](2.0))


def test_a_binary_task_refuses_what_is_for_regressions_and_reads_its_own_dump() -> None:
    with pytest.raises(ValidationError, match="scale is for tasks of kind regression, received 10.0"):
        TaskConfig(label="x", scale=10)
    assert TaskConfig.model_validate(TaskConfig(label="x").model_dump()) == TaskConfig(label="x")
