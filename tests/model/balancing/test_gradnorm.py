"""GradNorm: its gradient against autodiff, its invariants, and the toy problem of its paper."""

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.config.model import BalancingConfig
from tfgrec.model.balancing.balancer import Balancer
from tfgrec.model.balancing.gradnorm import GradNorm
from tfgrec.model.loss_sum import LossSum
from tfgrec.model.represented import Represented
from tfgrec.model.step.clipped_update import ClippedUpdate
from tfgrec.model.step.step_gradients import StepGradients


def balancer(count: int, *, weights: Sequence[float] | None = None, capped: str | None = None, **changes) -> GradNorm:
    names = [f"loss_{number}" for number in range(count)]
    config = BalancingConfig(**{"initial_loss_steps": 1, **changes})
    return GradNorm(names=names, initial_weights=weights or [1.0] * count, config=config, capped=capped)


def update(gradnorm: GradNorm, losses: Sequence[float], norms: Sequence[float]) -> np.ndarray:
    gradnorm.update(tf.constant(losses, tf.float32), tf.constant(norms, tf.float32))
    return gradnorm.weights.numpy()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_is_the_gradient_that_a_second_order_tape_finds(alpha: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = (tf.constant(random.normal(size=(8, 4)), tf.float32) for _ in range(2))
    shared = tf.Variable(random.normal(size=(4, 4)), dtype=tf.float32)
    heads = tf.constant(random.normal(size=(3, 4, 4)) * [[[1.0]], [[5.0]], [[0.2]]], tf.float32)
    gradnorm = balancer(3, weights=[0.5, 0.7, 1.8], alpha=alpha)
    gradnorm.initial_losses.assign(random.uniform(1, 5, 3))
    with tf.GradientTape() as outer:
        outer.watch(gradnorm.weights)
        with tf.GradientTape(persistent=True) as inner:
            hidden = tf.tanh(x @ shared)
            losses = [tf.reduce_mean(tf.square(hidden @ heads[task] - y)) for task in range(3)]
            weighted = [gradnorm.weights[task] * losses[task] for task in range(3)]
        weighted_norms = tf.stack([tf.norm(inner.gradient(loss, shared)) for loss in weighted])
        ratios = tf.stack(losses) / gradnorm.initial_losses
        targets = tf.reduce_mean(weighted_norms) * (ratios / tf.reduce_mean(ratios)) ** alpha
        balance = tf.reduce_sum(tf.abs(weighted_norms - tf.stop_gradient(targets)))
    expected = outer.gradient(balance, gradnorm.weights)
    norms = tf.stack([tf.norm(inner.gradient(loss, shared)) for loss in losses])
    found = gradnorm.weight_gradients(tf.stack(losses), norms, tf.fill([3], True))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


_numbers = st.one_of(
    st.floats(0, 1e6, width=32), st.floats(0, width=32), st.sampled_from([0.0, 1e-38, 3e38, np.nan, np.inf, -np.inf])
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.tuples(*[_numbers] * 3), st.tuples(*[_numbers] * 3)), max_size=12), st.floats(0, 3))
def test_whatever_comes_weights_stay_positive_sum_to_their_number_and_keep_the_cap(steps: list, alpha: float) -> None:
    gradnorm = balancer(3, capped="loss_2", auto_encoder_cap=0.2, learning_rate=1.0, alpha=alpha)
    for losses, norms in steps:
        weights = update(gradnorm, losses, norms)
        assert np.all(np.isfinite(weights)) and np.all(weights > 0)
        assert abs(weights.sum() - 3) < 1e-4
        assert weights[2] <= 0.2 * 3 + 1e-5


def test_weights_rest_while_the_first_losses_are_averaged() -> None:
    gradnorm = balancer(2, initial_loss_steps=3)
    for losses in ([1.0, 9.0], [2.0, 6.0], [3.0, 3.0]):
        np.testing.assert_array_equal(update(gradnorm, losses, [1.0, 50.0]), [1, 1])
    np.testing.assert_allclose(gradnorm.initial_losses, [2, 6])
    assert not np.allclose(update(gradnorm, [2.0, 6.0], [1.0, 50.0]), [1, 1])
    np.testing.assert_allclose(gradnorm.initial_losses, [2, 6])


def test_the_larger_gradient_loses_weight_and_the_slower_loss_gains() -> None:
    even = balancer(2, alpha=0.0)
    update(even, [1.0, 1.0], [1.0, 10.0])
    weights = update(even, [1.0, 1.0], [1.0, 10.0])
    assert weights[1] < 1 < weights[0]
    slow = balancer(2, alpha=1.0)
    update(slow, [1.0, 1.0], [1.0, 1.0])
    weights = update(slow, [0.2, 0.9], [1.0, 1.0])
    assert weights[0] < 1 < weights[1]


def test_a_loss_that_is_absent_from_a_batch_takes_no_part() -> None:
    gradnorm = balancer(3, learning_rate=0.1)
    update(gradnorm, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0])
    before = gradnorm.weights.numpy()
    weights = update(gradnorm, [0.9, 0.5, 0.0], [1.0, 1.0, 0.0])
    # Only the common scaling touches it, while the others move by a tenth.
    assert weights[2] == pytest.approx(before[2], abs=5e-3)
    assert weights[0] > before[0] + 0.05 and weights[1] < before[1] - 0.05
    np.testing.assert_array_equal(gradnorm.initial_losses, [1, 1, 1])


def test_starting_weights_are_scaled_and_capped() -> None:
    gradnorm = balancer(3, weights=[1.0, 1.0, 8.0], capped="loss_2", auto_encoder_cap=0.1)
    np.testing.assert_allclose(gradnorm.weights, [1.35, 1.35, 0.3], rtol=1e-6)


def test_in_steps_between_updates_norms_are_not_due_and_weights_rest() -> None:
    gradnorm = balancer(2, update_every_steps=3, initial_loss_steps=2, learning_rate=0.1)
    due, weights = [], []
    for _ in range(9):
        due.append(bool(gradnorm.gradient_norms_due()))
        weights.append(update(gradnorm, [1.0, 1.0], [1.0, 50.0] if due[-1] else [0.0, 0.0])[0])
    assert due == [False, False, True] * 3
    # L(0) is the mean of the first steps, due or not.
    np.testing.assert_array_equal(gradnorm.initial_losses, [1.0, 1.0])
    assert weights[0] == weights[1] == 1 < weights[2] == weights[4] < weights[5] == weights[7] < weights[8]
    assert balancer(2).gradient_norms_due() is True


def test_the_mean_weights_are_those_of_all_steps_after_the_first_losses() -> None:
    gradnorm = balancer(2, initial_loss_steps=2, learning_rate=0.1)
    assert gradnorm.mean_weights() == {"loss_0": 1.0, "loss_1": 1.0}
    weights = [update(gradnorm, [1.0, 1.0], [1.0, 50.0]) for _ in range(6)]
    expected = np.mean(weights[2:], axis=0)
    np.testing.assert_allclose(list(gradnorm.mean_weights().values()), expected, rtol=1e-6)


class ToyProblem:
    """Tasks that differ in scale alone: sigma_i tanh((B + eps_i) x), section 4 of the paper, at a smaller size.

    Stepped with the parts that the joint model's train_step is made of; W is the second layer.
    """

    def __init__(self, scales: Sequence[float]) -> None:
        random = np.random.default_rng(5)
        common = random.normal(0, np.sqrt(10), (16, 8))
        self._maps = [tf.constant(common + random.normal(0, np.sqrt(3.5), (16, 8)), tf.float32) for _ in scales]
        self._scales = scales
        sizes = [(16, 48), (48, 48)] + [(48, 8)] * len(scales)
        self._layers = [tf.Variable(random.normal(0, 1 / np.sqrt(size[0]), size), dtype=tf.float32) for size in sizes]
        self._random = tf.random.Generator.from_seed(3)
        self._unseen = self._random.normal([512, 16]) / 4.0

    def train(self, balancer: Balancer, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Trains; gives `[steps, num_tasks]` losses and weighted gradient norms, `[num_tasks]` losses on unseen x."""
        update = ClippedUpdate(optimizer=tf.keras.optimizers.Adam(1e-2))
        update.build(self._layers)

        @tf.function
        def step() -> tuple[tf.Tensor, tf.Tensor]:
            x = self._random.normal([64, 16]) / 4.0
            gradients = StepGradients(
                represent=lambda: self._represent(x), losses=lambda represented: self._losses(represented, x)
            )
            weights = tf.identity(balancer.weights)
            norms = gradients.norms([self._layers[1]], due=balancer.gradient_norms_due())
            of_weighted = gradients.of_weighted_sum(weights, inputs=self._layers[:1], heads=self._layers[1:])
            update.apply(of_weighted, self._layers)
            balancer.update(gradients.losses, norms)
            return gradients.losses, weights * norms

        results = [step() for _ in range(steps)]
        losses, norms = (np.array([result[part] for result in results]) for part in (0, 1))
        unseen = self._losses(self._represent(self._unseen), self._unseen)
        return losses, norms, np.array([float(loss.mean()) for loss in unseen.values()])

    def _represent(self, x: tf.Tensor) -> Represented:
        states = {"x": tf.nn.relu(x @ self._layers[0])}
        return Represented(states, states, {}, {})

    def _losses(self, represented: Represented, x: tf.Tensor) -> dict[str, LossSum]:
        hidden = tf.nn.relu(represented.states["x"] @ self._layers[1])
        errors = {
            str(task): tf.square(hidden @ head - scale * tf.tanh(x @ of_task))
            for task, (head, scale, of_task) in enumerate(zip(self._layers[2:], self._scales, self._maps, strict=True))
        }
        return {name: LossSum(tf.reduce_sum(of), tf.cast(tf.size(of), tf.float32)) for name, of in errors.items()}


@pytest.mark.parametrize("scales", [[1.0, 10.0], np.geomspace(1, 10, 10).tolist()])
def test_on_the_papers_toy_problem_norms_and_training_rates_even_out(scales: list[float]) -> None:
    def spread(values: np.ndarray) -> float:
        return values.max() / values.min()

    names = [str(scale) for scale in scales]
    ones = [1.0] * len(scales)
    config = BalancingConfig(alpha=0.12, learning_rate=0.025, initial_loss_steps=5)
    gradnorm = GradNorm(names=names, initial_weights=ones, config=config)
    balanced = ToyProblem(scales).train(gradnorm, steps=400)
    # As GradNorm without learning, so that norms are told.
    resting = config.model_copy(update={"initial_loss_steps": 1000})
    fixed = ToyProblem(scales).train(GradNorm(names=names, initial_weights=ones, config=resting), steps=400)
    late = slice(-100, None)
    assert spread(balanced[1][late].mean(axis=0)) < 1.5
    assert spread(fixed[1][late].mean(axis=0)) > 10
    left = [of[0][late].mean(axis=0) / of[0][:5].mean(axis=0) for of in (balanced, fixed)]
    assert spread(left[0]) < spread(left[1])
    # The larger a task's scale, the smaller its weight.
    assert np.all(np.diff(gradnorm.weights.numpy()) < 0)
    # What counts in the end: losses on unseen inputs, in units of their scale.
    unseen = [of[2] / np.square(scales) for of in (balanced, fixed)]
    assert unseen[0].mean() < unseen[1].mean() and unseen[0].max() < unseen[1].max()


def test_the_auto_encoder_takes_at_most_its_share_of_the_gradient() -> None:
    config = BalancingConfig(initial_loss_steps=2, auto_encoder_gradient_share=0.25, auto_encoder_cap=0.9)
    balancer = GradNorm(
        names=["a", "b", "auto_encoder"], initial_weights=[1, 1, 1], config=config, capped="auto_encoder"
    )
    norms = tf.constant([0.1, 0.3, 5.0])
    for _ in range(30):
        balancer.update(tf.constant([0.5, 0.6, 1.0]), norms)
        shares = (balancer.weights * norms / tf.reduce_sum(balancer.weights * norms)).numpy()
        assert shares[2] <= 0.25 + 1e-5
        np.testing.assert_allclose(tf.reduce_sum(balancer.weights), 3.0, rtol=1e-5)
    assert shares[2] > 0.24


def test_a_loss_that_never_was_there_leaves_its_weight_to_the_others() -> None:
    config = BalancingConfig(initial_loss_steps=3)
    balancer = GradNorm(
        names=["a", "b", "auto_encoder"], initial_weights=[1, 1, 1], config=config, capped="auto_encoder"
    )
    for step in range(6):
        assert bool(balancer.idle[2]) == (step >= 3)
        balancer.update(tf.constant([0.5, 0.6, 0.0]), tf.constant([0.1, 0.3, 0.0]))
    assert balancer.weights.numpy()[2] < 1e-3
    np.testing.assert_allclose(tf.reduce_sum(balancer.weights), 3.0, rtol=1e-5)
