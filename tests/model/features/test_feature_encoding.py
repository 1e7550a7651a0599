"""All encodings of a node set together: missing and unknown values, empty node sets, cold nodes, half precision."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.features.feature_encoding import FeatureEncoder
from tfgrec.model.features.feature_specs import CategoricalSpec, HashedSpec, NumericSpec, TimeOfSpec

SPECS = {
    "number": NumericSpec(transforms=["standard", "log"], mean=2.0),
    "#id": HashedSpec(buckets=9, dimension=2),
    "kind": CategoricalSpec(dtype="string", vocabulary=["a"], dimension=3),
    "tags": CategoricalSpec(dtype="string", vocabulary=["a"], dimension=3, multi_valued=True),
    "published": TimeOfSpec(parts=["hour"]),
}
HOUR = 3_600_000


def values(numbers, ids, kinds, tags, times) -> dict:
    return {
        "number": tf.constant(numbers, tf.float32),
        "#id": tf.constant(ids, tf.int64),
        "kind": tf.constant(kinds, tf.string),
        "tags": tf.ragged.constant(tags, dtype=tf.string, ragged_rank=1),
        "published": tf.constant(times, tf.int64),
    }


def test_each_kind_has_its_columns() -> None:
    encoder = FeatureEncoder(specs={"video": SPECS})
    encoded = encoder({"video": values([2.0, 3.0], [1, 2], ["a", "a"], [["a"], []], [6 * HOUR, 0])})["video"].numpy()
    assert encoded.shape == (2, 2 + 2 + 2 + 3 + 3)
    np.testing.assert_allclose(encoded[:, :2], [[0.0, np.log(3)], [1.0, np.log(4)]], rtol=1e-6)
    np.testing.assert_allclose(encoded[:, 2:4], [[1.0, 0.0], [0.0, 0.0]], atol=1e-6)


def test_a_node_of_which_nothing_is_known_is_neutral() -> None:
    encoder = FeatureEncoder(specs={"video": SPECS})
    encoded = encoder({"video": values([np.nan], [1], [""], [[]], [-1])})["video"].numpy()[0]
    assert np.abs(encoded).max() <= 0.01
    without_id = np.delete(encoded, [4, 5])
    np.testing.assert_array_equal(without_id, np.zeros(10))


def test_no_nodes_give_no_rows() -> None:
    encoder = FeatureEncoder(specs={"video": SPECS, "user": {"#id": SPECS["#id"]}})
    encoded = encoder({"video": values([], [], [], [], []), "user": {"#id": tf.constant([4], tf.int64)}}, training=True)
    assert encoded["video"].shape == (0, 12) and encoded["user"].shape == (1, 2)


def test_a_node_set_without_features_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one feature.*\['user'\]"):
        FeatureEncoder(specs={"video": SPECS, "user": {}})


def test_numbers_are_normalised_in_full_precision_under_a_half_precision_policy() -> None:
    specs = {"n": {"x": NumericSpec(transforms=["standard"], mean=10_000.0, standard_deviation=10.0)}}
    numbers = {"n": {"x": tf.constant([10_001.0, 9_987.0])}}
    encoded = FeatureEncoder(specs=specs, dtype="mixed_bfloat16")(numbers)["n"]
    assert encoded.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(encoded, tf.float32)[:, 0], [0.1, -1.3], rtol=0.01)


def test_a_cold_id_is_scored_like_a_hidden_one() -> None:
    """An id that was never trained stays where all began, near the zeros that training shows for hidden ids."""
    encoder = FeatureEncoder(specs={"n": {"#id": HashedSpec(buckets=1_000, dimension=4, dropout=0.3)}})
    head = tf.keras.layers.Dense(1)
    optimizer = tf.keras.optimizers.Adam(0.05)
    ids = tf.constant([1, 2, 3, 4] * 8, tf.int64)
    labels = tf.constant([1.0, 1.0, 0.0, 1.0] * 8)

    def score(raw: tf.Tensor, training: bool = False) -> tf.Tensor:
        return head(encoder({"n": {"#id": raw}}, training=training)["n"])[:, 0]

    for _ in range(60):
        with tf.GradientTape() as tape:
            logits = score(ids, training=True)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        variables = [*encoder.trainable_variables, *head.trainable_variables]
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    hidden = float(head.bias[0])
    cold = score(tf.constant([77, 78, 79], tf.int64)).numpy()
    trained = score(tf.constant([1, 3], tf.int64)).numpy()
    assert np.abs(cold - hidden).max() < 0.05 * np.abs(trained - hidden).min()
