"""Clipping and applying gradients: one norm over all, two optimizers, and steps that are not finite."""

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.step.clipped_update import ClippedUpdate

LossScaleOptimizer = tf.keras.mixed_precision.LossScaleOptimizer


def variables() -> tuple[tf.Variable, tf.Variable]:
    return tf.Variable(tf.zeros([2])), tf.Variable(tf.zeros([4, 1]))


def rows(values: Sequence[float]) -> tf.IndexedSlices:
    return tf.IndexedSlices(tf.constant(values)[:, tf.newaxis], tf.range(len(values)), tf.constant([4, 1]))


def make(*, clip_norm: float | None, scaled: bool = False) -> tuple[ClippedUpdate, tf.Variable, tf.Variable]:
    weight, table = variables()
    optimizers = [tf.keras.optimizers.SGD(1.0, momentum=0.5), tf.keras.optimizers.SGD(2.0)]
    if scaled:
        optimizers = [LossScaleOptimizer(optimizer, initial_scale=8.0) for optimizer in optimizers]
    update = ClippedUpdate(optimizer=optimizers[0], table_optimizer=optimizers[1], tables=[table], clip_norm=clip_norm)
    update.build([weight, table])
    return update, weight, table


def test_all_gradients_are_clipped_by_one_norm_and_each_optimizer_takes_its_own() -> None:
    update, weight, table = make(clip_norm=2.5)
    assert update.apply([tf.constant([3.0, 0.0]), rows([0.0, 4.0])], [weight, table])
    np.testing.assert_allclose(weight, [-1.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(table[:, 0], [0.0, -4.0, 0.0, 0.0], rtol=1e-6)


def test_small_gradients_and_those_beside_are_not_clipped() -> None:
    update, weight, table = make(clip_norm=2.5)
    update.apply([None, rows([1.0])], [weight, table], unscaled=[(tf.constant([100.0, 0.0]), weight)])
    np.testing.assert_allclose([*weight, table[0, 0]], [-100.0, 0.0, -2.0])


@pytest.mark.parametrize("clip_norm", [None, 1e3])
def test_a_scaled_step_is_unscaled_and_one_that_is_not_finite_is_skipped_by_both(clip_norm: float | None) -> None:
    update, weight, table = make(clip_norm=clip_norm, scaled=True)
    scale = update.loss_scale()
    assert float(scale) == 8
    assert update.apply([scale * [3.0, 0.0], rows([8.0])], [weight, table])
    expected = [-3.0, 0.0, -2.0]
    np.testing.assert_allclose([*weight, table[0, 0]], expected)
    # Only the table's gradient overflows: the other variable and its momentum rest as well.
    assert not update.apply([tf.constant([3.0, 0.0]), rows([np.inf])], [weight, table])
    np.testing.assert_allclose([*weight, table[0, 0]], expected)
    assert float(update.loss_scale()) == 4
    update.apply([tf.constant([0.0, 0.0]), rows([0.0])], [weight, table])
    np.testing.assert_allclose([*weight, table[0, 0]], [-4.5, 0.0, -2.0])


def test_one_optimizer_may_take_all() -> None:
    weight, table = variables()
    update = ClippedUpdate(optimizer=tf.keras.optimizers.SGD(1.0), tables=[table])
    update.build([weight, table])
    update.apply([tf.constant([3.0, 0.0]), rows([1.0])], [weight, table])
    np.testing.assert_allclose([*weight, table[0, 0]], [-3.0, 0.0, -1.0])
    assert update.loss_scale() == 1.0


def test_both_optimizers_scale_or_none() -> None:
    with pytest.raises(ValueError, match="both optimizers or none must be a LossScaleOptimizer"):
        ClippedUpdate(
            optimizer=LossScaleOptimizer(tf.keras.optimizers.SGD()), table_optimizer=tf.keras.optimizers.SGD()
        )
