"""Looked-up and hashed embeddings: unknown values, several values, hidden ids, shared tables."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.features.embedded_features import EmbeddedFeatures, hashed_rows
from tfgrec.model.features.feature_specs import CategoricalSpec, HashedSpec


def categorical(vocabulary: list, dtype: str = "string", **changes) -> CategoricalSpec:
    return CategoricalSpec(dtype=dtype, vocabulary=vocabulary, dimension=4, **changes)


def embed(specs: dict, values: dict, training: bool = False) -> np.ndarray:
    """The embeddings of one node set's features."""
    return EmbeddedFeatures(specs={"n": specs})({"n": values}, training=training)["n"].numpy()


def test_known_values_have_rows_of_their_own_and_unknown_ones_share_one() -> None:
    a, b, new, newer = embed({"x": categorical(["a", "b"])}, {"x": tf.constant(["a", "b", "new", "newer"])})
    assert not np.allclose(a, b) and not np.allclose(a, new)
    np.testing.assert_array_equal(new, newer)


def test_what_is_outside_the_vocabulary_says_nothing_before_it_was_trained() -> None:
    np.testing.assert_array_equal(embed({"x": categorical(["a"])}, {"x": tf.constant(["new"])}), np.zeros([1, 4]))


def test_features_in_one_variable_do_not_share_rows() -> None:
    layer = EmbeddedFeatures(specs={"n": {"x": categorical(["a"]), "y": categorical(["a"])}})
    row = layer({"n": {"x": tf.constant(["a"]), "y": tf.constant(["a"])}})["n"].numpy()[0]
    assert len(layer.trainable_variables) == 1 and not np.allclose(row[:4], row[4:])


def test_the_code_minus_one_is_a_value_like_any_other() -> None:
    minus_one, five, other = embed({"x": categorical([-1, 5], "int64")}, {"x": tf.constant([-1, 5, 6], tf.int64)})
    assert not np.allclose(minus_one, five) and not np.allclose(minus_one, other)


@pytest.mark.parametrize(("combiner", "of"), [("mean", np.mean), ("sum", np.sum), ("max", np.max)])
@pytest.mark.parametrize("kind", ["categorical", "hashed"])
def test_several_values_are_combined_and_none_is_zero(kind: str, combiner: str, of) -> None:
    spec = categorical(["a", "b"], multi_valued=True, combiner=combiner)
    if kind == "hashed":
        spec = HashedSpec(buckets=50, dimension=4, multi_valued=True, combiner=combiner)
    values = {"x": tf.ragged.constant([["a", "b"], ["a"], ["b"], [], ["b", "b", "a"]])}
    both, a, b, none, three = embed({"x": spec}, values)
    np.testing.assert_allclose(both, of([a, b], axis=0), rtol=1e-5)
    np.testing.assert_allclose(three, of([b, b, a], axis=0), rtol=1e-5)
    np.testing.assert_array_equal(none, np.zeros(4))


def test_an_empty_vocabulary_is_all_unknown() -> None:
    specs = {"x": categorical([]), "y": categorical([], "int64", multi_valued=True)}
    values = {"x": tf.constant(["a"]), "y": tf.ragged.constant([[1, 2]], dtype=tf.int64)}
    np.testing.assert_array_equal(embed(specs, values), np.zeros([1, 8]))


def test_hashes_are_those_of_every_machine() -> None:
    # FarmHash fingerprints of the decimal texts, modulo 1,000.
    rows = hashed_rows(tf.constant([0, 42, -7, 2**62], tf.int64), 1_000)
    np.testing.assert_array_equal(rows, [735, 736, 62, 503])
    np.testing.assert_array_equal(hashed_rows(tf.constant(["0", "42"]), 1_000), [735, 736])


def test_ids_start_near_zero() -> None:
    assert (
        np.abs(embed({"#id": HashedSpec(buckets=99, dimension=8)}, {"#id": tf.range(50, dtype=tf.int64)})).max() <= 0.01
    )


def test_the_share_of_hidden_values_is_the_dropout_and_only_in_training() -> None:
    specs = {"a": HashedSpec(buckets=10, dimension=2, dropout=0.3), "b": HashedSpec(buckets=10, dimension=2)}
    layer = EmbeddedFeatures(specs={"n": specs})
    values = {"n": {name: tf.zeros([10_000], tf.int64) for name in specs}}
    hidden = np.all(layer(values, training=True)["n"].numpy().reshape(-1, 2, 2) == 0, axis=2)
    assert 0.27 < hidden[:, 0].mean() < 0.33 and not hidden[:, 1].any()
    assert np.all(layer(values)["n"].numpy() != 0)


def test_only_ids_and_hashed_values_are_in_the_id_tables() -> None:
    specs = {"x": categorical(["a"]), "#id": categorical([1], "int64", is_id=True)}
    layer = EmbeddedFeatures(specs={"n": {**specs, "h": HashedSpec(buckets=5, dimension=3)}})
    assert sorted(table.shape.as_list() for table in layer.id_tables) == [[2, 4], [5, 3]]


@pytest.mark.parametrize(
    "spec",
    [categorical([7, 8, 9], "int64", table="author"), HashedSpec(buckets=1_000, dimension=4, table="author")],
    ids=["looked up", "hashed"],
)
def test_features_of_two_node_sets_share_a_table_by_name(spec) -> None:
    specs = {"video": {"author": spec, "kind": categorical(["clip"])}, "author": {"#id": spec}}
    layer = EmbeddedFeatures(specs=specs)
    values = {
        "video": {"author": tf.constant([8, 9], tf.int64), "kind": tf.constant(["clip", "clip"])},
        "author": {"#id": tf.constant([7, 8], tf.int64)},
    }
    with tf.GradientTape() as tape:
        embedded = layer(values)
        loss = tf.reduce_sum(embedded["author"])
    videos, authors = embedded["video"].numpy(), embedded["author"].numpy()
    np.testing.assert_array_equal(videos[0, :4], authors[1])
    assert not np.allclose(videos[1, :4], authors[0])
    # What authors learn, videos know.
    variables = layer.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        if gradient is not None:
            variable.assign_sub(tf.convert_to_tensor(gradient))
    np.testing.assert_allclose(layer(values)["video"].numpy()[0, :4], videos[0, :4] - 1, atol=1e-6)


def test_each_feature_of_a_shared_table_combines_in_its_own_way() -> None:
    shared = {"vocabulary": ["a", "b"], "table": "tag", "multi_valued": True}
    specs = {"x": categorical(**shared, combiner="sum"), "y": categorical(**shared, combiner="mean")}
    tags = tf.ragged.constant([["a", "b"]])
    row = embed(specs, {"x": tags, "y": tags})[0]
    np.testing.assert_allclose(row[:4], 2 * row[4:], rtol=1e-6)
