"""Looked-up and hashed embeddings: unknown values, several values, hidden ids."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.categorical_features import CategoricalFeatures
from tfgrec.model.feature_encoding import FeatureEncoder
from tfgrec.model.feature_specs import CategoricalSpec, HashedSpec, NumericSpec
from tfgrec.model.hashed_features import HashedFeatures


def categorical(vocabulary: list, dtype: str = "string", **changes) -> CategoricalSpec:
    return CategoricalSpec(dtype=dtype, vocabulary=vocabulary, dimension=4, **changes)


def test_known_values_have_rows_of_their_own_and_unknown_ones_share_one() -> None:
    layer = CategoricalFeatures(specs={"x": categorical(["a", "b"])})
    a, b, new, newer = layer({"x": tf.constant(["a", "b", "new", "newer"])}).numpy()
    assert not np.allclose(a, b) and not np.allclose(a, new)
    np.testing.assert_array_equal(new, newer)


def test_features_in_one_table_do_not_share_rows() -> None:
    layer = CategoricalFeatures(specs={"x": categorical(["a"]), "y": categorical(["a"])})
    row = layer({"x": tf.constant(["a"]), "y": tf.constant(["a"])}).numpy()[0]
    assert len(layer.trainable_variables) == 1 and not np.allclose(row[:4], row[4:])


def test_the_code_minus_one_is_a_value_like_any_other() -> None:
    layer = CategoricalFeatures(specs={"x": categorical([-1, 5], "int64")})
    minus_one, five, other = layer({"x": tf.constant([-1, 5, 6], tf.int64)}).numpy()
    assert not np.allclose(minus_one, five) and not np.allclose(minus_one, other)


def test_several_values_are_averaged_and_none_is_zero() -> None:
    layer = CategoricalFeatures(specs={"x": categorical(["a", "b"], multi_valued=True)})
    both, a, b, none = layer({"x": tf.ragged.constant([["a", "b"], ["a"], ["b"], []])}).numpy()
    np.testing.assert_allclose(both, (a + b) / 2, rtol=1e-6)
    np.testing.assert_array_equal(none, np.zeros(4))


def test_an_empty_vocabulary_is_all_unknown() -> None:
    layer = CategoricalFeatures(specs={"x": categorical([]), "y": categorical([], "int64", multi_valued=True)})
    output = layer({"x": tf.constant(["a"]), "y": tf.ragged.constant([[1, 2]], dtype=tf.int64)})
    assert output.shape == (1, 8)


def test_no_nodes_give_no_rows() -> None:
    specs = {"x": categorical(["a"]), "tags": categorical(["a"], multi_valued=True)}
    specs |= {"number": NumericSpec(transform="log"), "#id": HashedSpec(buckets=9, dimension=2)}
    encoder = FeatureEncoder(specs=specs)
    empty = {"x": tf.constant([], tf.string), "number": tf.constant([], tf.float32), "#id": tf.constant([], tf.int64)}
    empty["tags"] = tf.RaggedTensor.from_row_lengths(tf.constant([], tf.string), tf.constant([], tf.int64))
    assert encoder(empty).shape == (0, encoder.width)


def test_hashes_are_those_of_every_machine() -> None:
    layer = HashedFeatures(specs={"#id": HashedSpec(buckets=1_000, dimension=2)})
    table = layer.id_tables[0]
    table.assign(tf.repeat(tf.range(1_001, dtype=tf.float32)[:, tf.newaxis], 2, axis=1))
    rows = layer({"#id": tf.constant([0, 42, -7, 2**62], tf.int64)}).numpy()[:, 0]
    # FarmHash fingerprints of the decimal texts, modulo 1,000, plus 1; row 0 is kept for hidden ids.
    np.testing.assert_array_equal(rows, [736, 737, 63, 504])


def test_ids_start_near_zero() -> None:
    layer = HashedFeatures(specs={"#id": HashedSpec(buckets=100, dimension=8)})
    assert np.abs(layer({"#id": tf.range(50, dtype=tf.int64)})).max() <= 0.01


def test_the_share_of_hidden_ids_is_the_dropout_and_only_in_training() -> None:
    layer = HashedFeatures(specs={"#id": HashedSpec(buckets=10, dimension=2, dropout=0.3)})
    ids = tf.zeros([10_000], tf.int64)
    hidden_row = layer.id_tables[0][0].numpy()
    in_training, in_serving = layer({"#id": ids}, training=True), layer({"#id": ids}, training=False)
    share = np.mean(np.all(in_training == hidden_row, axis=1))
    assert 0.27 < share < 0.33
    assert not np.any(np.all(in_serving == hidden_row, axis=1))


def test_only_ids_are_in_the_id_tables() -> None:
    specs = {"x": categorical(["a"]), "#id": categorical([1], "int64", is_id=True)}
    encoder = FeatureEncoder(specs={**specs, "h": HashedSpec(buckets=5, dimension=3)})
    assert sorted(table.shape.as_list() for table in encoder.id_tables) == [[2, 4], [6, 3]]


def test_a_copy_from_the_config_has_the_same_tables() -> None:
    specs = {"x": categorical(["a", "b"]), "#id": HashedSpec(buckets=9, dimension=2, is_id=True)}
    encoder = FeatureEncoder(specs=specs)
    copy = FeatureEncoder.from_config(encoder.get_config())
    values = {"x": tf.constant(["b"]), "#id": tf.constant([3], tf.int64)}
    encoder(values), copy(values)
    copy.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(encoder(values), copy(values))


def test_an_encoder_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one feature"):
        FeatureEncoder(specs={})
