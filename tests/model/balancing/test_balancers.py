"""Balancers beside GradNorm: weights that rest, and weights from learned variances."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.balancing.fixed_weights import FixedWeights
from tfgrec.model.balancing.uncertainty_weights import UncertaintyWeights


def uncertainty(weights: list[float], *, cap: float = 0.2, capped: str | None = None) -> UncertaintyWeights:
    names = [f"loss_{number}" for number in range(len(weights))]
    return UncertaintyWeights(names=names, initial_weights=weights, cap=cap, capped=capped)


def minimise(balancer: UncertaintyWeights, losses: list[float], steps: int = 1, rate: float = 0.1) -> np.ndarray:
    optimizer = tf.keras.optimizers.SGD(rate)
    for _ in range(steps):
        optimizer.apply_gradients(balancer.own_gradients(tf.constant(losses)))
        balancer.update(tf.constant(losses), tf.zeros([len(losses)]))
    return balancer.weights.numpy()


def test_fixed_weights_never_move() -> None:
    fixed = FixedWeights(names=["a", "b"], weights=[1.0, 0.3])
    fixed.update(tf.constant([1.0, 2.0]), tf.constant([1.0, 50.0]))
    np.testing.assert_allclose(fixed.weights, [1.0, 0.3])
    assert fixed.gradient_norms_due() is False
    assert fixed.own_gradients(tf.constant([1.0, 2.0])) == []
    assert fixed.mean_weights() == pytest.approx({"a": 1.0, "b": 0.3})


def test_the_variances_gradient_is_that_of_the_papers_equations() -> None:
    balancer, losses = uncertainty([1.0, 0.3, 2.0]), tf.constant([0.2, 3.0, 1.0])
    [(found, log_variances)] = balancer.own_gradients(losses)
    with tf.GradientTape() as tape:
        # Equation 10: L / sigma^2 + log sigma.
        sigma = tf.exp(log_variances / 2)
        objective = tf.reduce_sum(losses / sigma**2 + tf.math.log(sigma))
    np.testing.assert_allclose(found, tape.gradient(objective, log_variances), rtol=1e-5)


def test_weights_start_as_given_and_end_at_half_the_inverse_losses() -> None:
    balancer = uncertainty([1.0, 0.3])
    np.testing.assert_allclose(balancer.weights, [1.0, 0.3], rtol=1e-6)
    np.testing.assert_allclose(minimise(balancer, [0.1, 4.0], steps=300), [5.0, 0.125], rtol=1e-3)


def test_an_absent_loss_keeps_its_weight() -> None:
    assert minimise(uncertainty([1.0, 0.3]), [0.1, np.nan])[1] == pytest.approx(0.3)


def test_the_auto_encoders_share_is_capped_and_comes_back() -> None:
    balancer = uncertainty([1.0, 1.0, 8.0], cap=0.2, capped="loss_2")
    np.testing.assert_allclose(balancer.weights, [1.0, 1.0, 0.5], rtol=1e-6)
    weights = minimise(balancer, [0.5, 0.5, 5.0], steps=100)
    assert weights[2] == pytest.approx(0.1, rel=1e-2) and weights[2] < 0.2 * weights.sum()


def test_the_models_optimizer_trains_the_variances(build, graph, labels) -> None:
    model = build("joint", balancing={"method": "uncertainty"})
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1), clip_norm=1e-6)
    before = model.balancer.weights.numpy()
    report = model.train_step((graph(), labels()))
    losses = np.array([float(report[f"loss/{name}"]) for name in model.loss_names])
    # Its gradient is not clipped with the model's.
    expected = before * np.exp(0.1 * (0.5 - before * losses))
    np.testing.assert_allclose(model.balancer.weights[:2], expected[:2], rtol=1e-4)


def test_recorded_weights_are_the_models(build, graph, labels) -> None:
    weights = {"auto_encoder": 0.2, "seconds": 1.1, "click": 1.7}
    model = build("joint", balancing={"method": "gradnorm_mean", "weights_from": "runs/a", "weights": weights})
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1))
    for _ in range(2):
        report = model.train_step((graph(), labels()))
    assert {name: float(report[f"weight/{name}"]) for name in weights} == pytest.approx(weights)
