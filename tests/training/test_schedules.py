"""Rates follow their schedule; what must not decay does not."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.training import OptimizerConfig
from tfgrec.training.schedules import WarmUpCosine, make_embedding_optimizer, make_optimizer


def test_the_rate_rises_to_its_peak_and_falls_to_its_share() -> None:
    schedule = WarmUpCosine(peak=0.2, final_share=0.1, warm_up_steps=10, total_steps=110)
    rates = np.array([float(schedule(step)) for step in range(112)])
    np.testing.assert_allclose(rates[:10], 0.02 * np.arange(1, 11), rtol=1e-5)
    assert rates.argmax() in (9, 10)
    assert (np.diff(rates[10:111]) < 0).all()
    np.testing.assert_allclose(rates[60], 0.2 * (0.1 + 0.9 / 2), rtol=1e-5)
    np.testing.assert_allclose(rates[110:], 0.02, rtol=1e-5)


def test_a_schedule_can_be_made_again_from_its_config() -> None:
    schedule = WarmUpCosine(peak=0.2, final_share=0.1, warm_up_steps=10, total_steps=110, stop_step=50)
    again = WarmUpCosine.from_config(schedule.get_config())
    assert float(again(49)) == float(schedule(49)) > 0
    assert float(again(50)) == 0


@pytest.mark.parametrize(
    ("epochs", "until_stopped", "steps"),
    [
        (1.0, False, 4),
        (0.5, False, 2),
        (0.0, False, 0),
        (9.0, False, 12),
        (None, False, 4),
        (None, True, 12),
        (1.0, True, 4),
    ],
)
def test_tables_learn_for_their_epochs_only(epochs: float | None, until_stopped: bool, steps: int) -> None:
    config = OptimizerConfig(embedding_learning_rate=0.1, embedding_epochs=epochs)
    optimizer = make_embedding_optimizer(config, total_steps=12, steps_per_epoch=4, until_stopped=until_stopped)
    table = tf.Variable(tf.ones([3, 2]))
    changed = []
    for _ in range(12):
        before = table.numpy().copy()
        optimizer.apply_gradients([(tf.IndexedSlices(tf.ones([1, 2]), [1], dense_shape=[3, 2]), table)])
        changed.append(bool((table.numpy() != before).any()))
    assert changed == [True] * steps + [False] * (12 - steps)


def test_weights_decay_and_biases_do_not() -> None:
    kernel, bias = tf.Variable(tf.ones([2, 2])), tf.Variable(tf.ones([2]))
    config = OptimizerConfig(learning_rate=0.1, final_learning_rate_share=1.0, weight_decay=0.5)
    optimizer = make_optimizer(config, total_steps=1, undecayed=[bias])
    optimizer.build([kernel, bias])
    optimizer.apply_gradients([(tf.zeros([2, 2]), kernel), (tf.zeros([2]), bias)])
    np.testing.assert_allclose(kernel.numpy(), 1 - 0.1 * 0.5, rtol=1e-5)
    np.testing.assert_array_equal(bias.numpy(), 1)
