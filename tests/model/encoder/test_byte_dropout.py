"""Dropout by bytes drops independently, keeps the mean, and passes gradients of what it kept."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.encoder.byte_dropout import ByteDropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_is_dropped_and_the_mean_stays(rate: float) -> None:
    shape = (401, 333)
    dropped = ByteDropout(rate=rate)(tf.ones(shape), training=True).numpy() == 0
    deviation = np.sqrt(rate * (1 - rate) / dropped.size)
    assert dropped.mean() == pytest.approx(rate, abs=1 / 512 + 5 * deviation)
    for axis in (0, 1):
        # Rows and columns would vary more, or less, if their values were not drawn one by one.
        expected = np.sqrt(rate * (1 - rate) / shape[axis])
        assert dropped.mean(axis=axis).std() == pytest.approx(expected, rel=0.2)
    kept = ByteDropout(rate=rate)(tf.fill(shape, 3.0), training=True)
    assert float(tf.reduce_mean(kept)) == pytest.approx(3.0, rel=0.05)


def test_nothing_is_dropped_in_serving_or_at_rate_zero() -> None:
    values = tf.random.normal([5, 4])
    for layer, training in ((ByteDropout(rate=0.5), False), (ByteDropout(rate=0.0), True)):
        np.testing.assert_array_equal(layer(values, training=training), values)


def test_gradients_are_those_of_what_was_kept() -> None:
    values = tf.random.uniform([50, 3], minval=1.0)
    with tf.GradientTape() as tape:
        tape.watch(values)
        kept = ByteDropout(rate=0.25)(values, training=True)
    gradient = tape.gradient(kept, values).numpy()
    np.testing.assert_array_equal(gradient, np.where(kept.numpy() == 0, 0.0, np.float32(4 / 3)))


@pytest.mark.parametrize("shape", [(0, 8), (1, 1), (7,), (2, 3, 5)])
def test_shapes_and_computation_types_stay(shape: tuple[int, ...]) -> None:
    for dtype in ("float32", "mixed_bfloat16"):
        dropped = ByteDropout(rate=0.5, dtype=dtype)(tf.ones(shape), training=True)
        assert dropped.shape == shape
        assert dropped.dtype == tf.float32 if dtype == "float32" else tf.bfloat16


def test_every_step_of_a_function_draws_anew_and_seeds_repeat_it() -> None:
    def two_steps() -> list[np.ndarray]:
        tf.keras.utils.set_random_seed(3)
        layer = ByteDropout(rate=0.5)
        step = tf.function(lambda values: layer(values, training=True))
        return [step(tf.ones([20, 20])).numpy() for _ in range(2)]

    first, second = two_steps()
    assert (first != second).any()
    np.testing.assert_array_equal(two_steps(), [first, second])


def test_xla_compiles_it() -> None:
    compiled = tf.function(lambda values: ByteDropout(rate=0.5)(values, training=True), jit_compile=True)
    assert 0.3 < float(tf.reduce_mean(tf.cast(compiled(tf.ones([40, 40])) == 0, tf.float32))) < 0.7


def test_config_round_trip_and_bad_rates() -> None:
    layer = ByteDropout(rate=0.3, name="dropout")
    assert ByteDropout.from_config(layer.get_config()).get_config() == layer.get_config()
    with pytest.raises(ValueError, match="rate=1"):
        ByteDropout(rate=1.0)
