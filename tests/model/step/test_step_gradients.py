"""Gradients of the joint model's steps, against one tape over the whole forward pass."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model import joint_model
from tfgrec.model.joint_model import JointModel
from tfgrec.model.loss_sum import LossSum
from tfgrec.model.step.step_gradients import StepGradients


def hide_by_id(graph: tfgnn.GraphTensor, *, node_sets: list[str], rate: float) -> dict[str, tf.Tensor]:
    """Stands in for sample_masks: hides the same nodes in every pass."""
    del rate
    return {name: graph.node_sets[name]["#id"] % 3 == 0 for name in node_sets}


@pytest.fixture(scope="module")
def model(build) -> JointModel:
    """A joint model that draws nothing, whose gates are open."""
    encoder = {"units": 16, "message_units": 16, "rounds": 1, "dropout": 0.0}
    towers = {"bottom_units": [16, 8], "task_units": [8], "cross_layers": 1, "dropout": 0.0}
    features = {"user": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100}}}
    made = build("joint", encoder=encoder, towers=towers, features=features)
    random = np.random.default_rng(2)
    for variable in made.trainable_variables:
        variable.assign_add(random.normal(0, 0.05, variable.shape))
    return made


@pytest.fixture
def step(model: JointModel, graph, labels, monkeypatch) -> tuple[JointModel, StepGradients, dict[str, tf.Tensor], Any]:
    """The model, a step of it, and the losses of the same batch on a tape of their own."""
    monkeypatch.setattr(joint_model, "sample_masks", hide_by_id)
    batch, of_batch = graph(5), labels(5)
    of_batch["click"] = tf.where(tf.range(10) < 3, np.nan, of_batch["click"])

    def sums(represented: Any) -> dict[str, LossSum]:
        return model.loss_sums(batch, of_batch, represented)

    with tf.GradientTape(persistent=True) as tape:
        losses = {name: loss.mean() for name, loss in sums(model.represent(batch, training=True)).items()}
    gradients = StepGradients(represent=lambda: model.represent(batch, training=True), losses=sums)
    return model, gradients, losses, tape


def test_losses_are_means_over_their_terms(step) -> None:
    _, gradients, losses, _ = step
    np.testing.assert_allclose(gradients.losses, list(losses.values()), rtol=1e-6)
    assert gradients.present.numpy().all()


@pytest.mark.parametrize("scale", [1.0, 2.0**15])
def test_norms_on_the_shared_kernels_equal_autodiffs(step, scale: float) -> None:
    model, gradients, losses, tape = step
    expected = [tf.linalg.global_norm(tape.gradient(loss, model.shared_kernels)) for loss in losses.values()]
    assert min(expected) > 1e-3
    np.testing.assert_allclose(gradients.norms(model.shared_kernels, scale=scale), expected, rtol=1e-5)


def test_norms_are_computed_in_steps_where_they_are_due_alone(step) -> None:
    model, gradients, _, _ = step
    expected = gradients.norms(model.shared_kernels)
    np.testing.assert_array_equal(gradients.norms(model.shared_kernels, due=tf.constant(True)), expected)
    assert not np.any(gradients.norms(model.shared_kernels, due=tf.constant(False)))
    assert not np.any(gradients.norms(model.shared_kernels, due=False))


def test_the_gradient_of_the_weighted_sum_equals_autodiffs(step) -> None:
    model, gradients, losses, tape = step
    weights = tf.constant([0.3, 2.0, 0.7])
    inputs, heads = model.input_and_head_variables()
    with tape:
        total = tf.reduce_sum(weights * tf.stack(list(losses.values())))
    expected = tape.gradient(total, [*inputs, *heads])
    found = gradients.of_weighted_sum(weights, inputs=inputs, heads=heads)
    assert len(found) == len(model.trainable_variables) and all(gradient is not None for gradient in found)
    for one, other, variable in zip(found, expected, [*inputs, *heads], strict=True):
        dense, same = tf.convert_to_tensor(one), tf.convert_to_tensor(other)
        np.testing.assert_allclose(dense, same, rtol=1e-4, atol=1e-6, err_msg=variable.name)


def test_a_loss_without_terms_is_absent_and_pulls_at_nothing(model, graph, labels) -> None:
    batch, of_batch = graph(3), {**labels(3), "click": tf.fill([6], np.nan)}
    gradients = StepGradients(
        represent=lambda: model.represent(batch, training=True),
        losses=lambda represented: model.loss_sums(batch, of_batch, represented),
    )
    assert gradients.present.numpy().tolist() == [False, True, True]
    assert gradients.losses[0] == 0 == gradients.norms(model.shared_kernels)[0]
    inputs, heads = model.input_and_head_variables()
    alone = gradients.of_weighted_sum(tf.constant([5.0, 0.0, 0.0]), inputs=inputs, heads=heads)
    assert not any(np.any(tf.convert_to_tensor(gradient)) for gradient in alone if gradient is not None)
