"""Streamed frequencies against the distribution that items are drawn from."""

import numpy as np
import tensorflow as tf

from tfgrec.model.retrieval.item_frequencies import ItemFrequencies


def test_frequencies_are_those_of_the_stream() -> None:
    random = np.random.default_rng(0)
    frequencies = ItemFrequencies(buckets=2**16)
    keys = random.integers(0, 2**62, 50)
    shares = 1 / (1 + np.arange(50.0))
    shares /= shares.sum()
    for _ in range(400):
        frequencies.observe(tf.constant(random.choice(keys, 64, p=shares)), tf.ones([64], tf.bool))
    found = frequencies(tf.constant(keys)).numpy()
    # 25,600 draws: the rarest of the items is drawn a hundred times.
    np.testing.assert_allclose(found, shares, rtol=0.35)
    np.testing.assert_allclose(found[:5], shares[:5], rtol=0.1)
    assert found.sum() < 1.01


def test_only_what_was_drawn_counts_and_the_unknown_is_rare() -> None:
    frequencies = ItemFrequencies(buckets=1000)
    assert frequencies(tf.constant([5], tf.int64)).numpy() == [1.0]
    frequencies.observe(tf.constant([1, 1, 2, 3], tf.int64), tf.constant([True, True, True, False]))
    np.testing.assert_allclose(frequencies(tf.constant([1, 2, 3, 99], tf.int64)), [2 / 3, 1 / 3, 1 / 3, 1 / 3])


def test_ids_that_differ_in_high_bits_alone_do_not_share_a_bucket() -> None:
    keys = (np.arange(1, 257) << 40).tolist()
    frequencies = ItemFrequencies(buckets=2**16)
    frequencies.observe(tf.constant(keys, tf.int64), tf.ones([256], tf.bool))
    found = frequencies(tf.constant(keys, tf.int64)).numpy()
    assert (found > 1.5 / 256).mean() < 0.05


def test_a_frequency_survives_a_checkpoint_and_a_configuration(tmp_path) -> None:
    frequencies = ItemFrequencies(buckets=100)
    frequencies.observe(tf.constant([7, 7, 8], tf.int64), tf.ones([3], tf.bool))
    path = tf.train.Checkpoint(layer=frequencies).write(str(tmp_path / "checkpoint"))
    restored = ItemFrequencies.from_config(frequencies.get_config())
    tf.train.Checkpoint(layer=restored).read(path).assert_consumed()
    keys = tf.constant([7, 8, 9], tf.int64)
    np.testing.assert_array_equal(restored(keys), frequencies(keys))
    assert not frequencies.trainable_variables
