"""What a training step draws is a function of seed, phase and step: a process that goes on draws the same."""

import numpy as np
import tensorflow as tf

from tfgrec.model.encoder.byte_dropout import ByteDropout
from tfgrec.model.ranking.step_dropout import StepDropout
from tfgrec.model.step.step_random import numbers_of_step, uniform

VALUES = tf.ones([400, 5])


def draws(*, seed: int = 1, phase: str = "ranking", step: int = 0) -> list[np.ndarray]:
    """Two draws, and what two dropouts leave, in a function traced anew, as by another process."""
    number = tf.Variable(step, dtype=tf.int64)
    layers = StepDropout(rate=0.25), ByteDropout(rate=0.25)

    @tf.function(autograph=False)
    def drawn() -> list[tf.Tensor]:
        with numbers_of_step(seed, phase, number):
            dropped = [layer(VALUES, training=True) for layer in layers]
            return [uniform([400, 5]), uniform([400, 5]), *dropped]

    return [values.numpy() for values in drawn()]


def test_a_step_draws_what_it_drew_before() -> None:
    for ours, theirs in zip(draws(step=3), draws(step=3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_steps_seeds_and_phases_draw_others() -> None:
    drawn = [draws(), draws(step=1), draws(seed=2), draws(phase="selection")]
    for number in range(len(drawn[0])):
        for one in range(len(drawn)):
            for other in range(one):
                correlation = np.corrcoef(drawn[one][number].ravel(), drawn[other][number].ravel())[0, 1]
                assert abs(correlation) < 0.1
    first, second = drawn[0][:2]
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_the_number_of_the_step_is_read_when_the_step_is_taken() -> None:
    number = tf.Variable(0, dtype=tf.int64)

    @tf.function(autograph=False)
    def step() -> tf.Tensor:
        with numbers_of_step(1, "ranking", number):
            drawn = uniform([50])
        number.assign_add(1)
        return drawn

    first, second = step().numpy(), step().numpy()
    assert not np.array_equal(first, second)
    number.assign(0)
    np.testing.assert_array_equal(step().numpy(), first)


def test_the_mean_stays() -> None:
    for dropped in draws()[2:]:
        assert abs(dropped.mean() - 1) < 0.05
        assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)}
    for layer in (StepDropout(rate=0.25), StepDropout(rate=0.0)):
        np.testing.assert_array_equal(layer(VALUES), VALUES)


def test_outside_of_a_step_numbers_are_random() -> None:
    assert not np.array_equal(uniform([50]), uniform([50]))
