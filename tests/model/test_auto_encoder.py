"""The feature auto-encoder: what is hidden, what is rebuilt, and what the loss weighs."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.model import CategoricalEncoding, HashedEncoding
from tfgrec.model.auto_encoder import FeatureAutoEncoder
from tfgrec.model.feature_decoder import FeatureDecoder
from tfgrec.model.feature_specs import resolve_specs
from tfgrec.model.masking import sample_masks
from tfgrec.model.reconstruction_targets import MAX_CLASSES, NodeSetTargets, reconstruction_targets
from tfgrec.model.shared_projection import SharedProjection


def targets_of(schema, statistics, **encodings: Any) -> dict[str, NodeSetTargets]:
    specs = {
        name: resolve_specs(
            node_set=name,
            features=nodes.features,
            encodings={"#id": HashedEncoding(), **encodings} if name != "author" else {},
            statistics=statistics,
        )
        for name, nodes in schema.stored_node_sets.items()
    }
    return reconstruction_targets(specs, statistics)


def make_decoder(schema, statistics, node_set: str = "video", **changes) -> FeatureDecoder:
    return FeatureDecoder(targets=targets_of(schema, statistics)[node_set], **changes)


def make_projection() -> SharedProjection:
    return SharedProjection(node_sets=["user", "video"], units=8)


def test_ids_are_never_rebuilt_and_a_node_set_of_ids_has_no_target(schema, statistics) -> None:
    targets = targets_of(schema, statistics)
    assert set(targets) == {"user", "video"}
    assert set(targets["user"].categorical) == {"activity", "age"} and set(targets["user"].numeric) == {"follows"}
    assert set(targets["video"].multi_hot) == {"tags"}
    with_ids = targets_of(schema, statistics, **{"#id": CategoricalEncoding()})
    assert all("#id" not in of_set.categorical for of_set in with_ids.values())


def test_hashed_features_and_features_that_never_vary_are_no_targets(schema, statistics) -> None:
    statistics["video"]["duration"]["numeric"]["standard_deviation"] = 0.0
    targets = targets_of(schema, statistics, kind=HashedEncoding())
    assert set(targets["video"].categorical) == set() and set(targets["video"].numeric) == set()


def test_rare_classes_are_merged(schema, statistics) -> None:
    statistics["video"]["kind"]["categorical"] = {"count": 9_000, "values": [[f"k{n}", 3] for n in range(3_000)]}
    target = targets_of(schema, statistics)["video"].categorical["kind"]
    assert len(target.shares) == MAX_CLASSES and target.shares[0] == pytest.approx(1 - 999 * 3 / 9_000, rel=1e-3)


def test_shares_of_several_values_are_of_nodes(schema, statistics) -> None:
    target = targets_of(schema, statistics)["video"].multi_hot["tags"]
    np.testing.assert_allclose(target.shares, [0.5, 0.5, 0.5])  # 50 of 100 videos have each.


def test_hidden_are_nodes_with_neighbours_at_the_rate_but_no_roots(graph) -> None:
    batch = graph(800)
    masks = sample_masks(batch, node_sets=["user", "video", "author"], rate=0.3)
    assert not masks["author"].numpy().any()  # No edge leaves an author.
    for node_set, roots, edge_sets in (("user", [0], ["watched"]), ("video", [0, 1], ["watched_by", "made_by"])):
        size = int(batch.node_sets[node_set].total_size)
        sampled = np.isin(
            np.arange(size), np.concatenate([batch.edge_sets[name].adjacency.source for name in edge_sets])
        )
        root = np.isin(np.arange(size) % (size // 800), roots)
        hidden = masks[node_set].numpy()
        assert root.any() and not hidden[root].any() and not hidden[~sampled].any()
        assert 0.25 < hidden[sampled & ~root].mean() < 0.35


def test_a_decoder_that_knows_nothing_loses_one_unit_a_node(schema, statistics) -> None:
    random = np.random.default_rng(0)
    decoder = make_decoder(schema, statistics)
    # Values drawn as the statistics say: then the average guess loses the entropy, or the variance.
    features = {
        "kind": tf.constant(random.choice(["clip", "film"], 4_000)),
        "duration": tf.constant(random.choice(np.linspace(1, 600, 65), 4_000), tf.float32),
        "tags": tf.ragged.constant([[tag for tag in "abc" if random.random() < 0.5] for _ in range(4_000)]),
    }
    losses = decoder(tf.zeros([4_000, 8]), features)
    assert losses.shape == [4_000] and float(tf.reduce_mean(losses)) == pytest.approx(1.0, abs=0.03)


def test_the_loss_of_each_kind_agrees_with_numpy(schema, statistics) -> None:
    decoder = make_decoder(schema, statistics)
    features = {
        "kind": tf.constant(["film", "new"]),
        "duration": tf.constant([300.0, np.nan]),
        "tags": tf.ragged.constant([["c", "unknown", "c"], []]),
    }
    states = tf.random.normal([2, 8])
    decoder(states, features)
    decoder.set_weights([np.random.default_rng(1).normal(size=value.shape) for value in decoder.get_weights()])
    kernel, bias = decoder.get_weights()
    number, *rest = (states.numpy() @ kernel + bias).T
    kinds, tags = np.stack(rest[:3], axis=1), np.stack(rest[3:], axis=1)
    summary = statistics["video"]["duration"]["numeric"]
    value = (np.log1p(300) - summary["log_mean"]) / summary["log_standard_deviation"]
    # "clip" and "film" have the same count, so the vocabulary's order is the statistics': film is class 2.
    cross_entropy = np.log(np.exp(kinds).sum(axis=1)) - kinds[[0, 1], [2, 0]]
    hot = np.array([[0, 0, 1], [0, 0, 0]])
    binary = (np.log1p(np.exp(tags)) - hot * tags).sum(axis=1)
    targets = targets_of(schema, statistics)["video"]
    expected = np.array([(number[0] - value) ** 2, 0.0])
    expected += cross_entropy / targets.categorical["kind"].entropy + binary / targets.multi_hot["tags"].entropy
    np.testing.assert_allclose(decoder(states, features), expected / 3, rtol=1e-4)


def test_scaled_cosine_compares_the_numbers_as_one_vector(schema, statistics) -> None:
    numbers = {"a": statistics["user"]["follows"], "b": statistics["video"]["duration"]}
    spec = targets_of(schema, statistics)["user"].numeric["follows"].model_dump()
    decoder = FeatureDecoder(
        targets={"numeric": {name: spec for name in numbers}}, numeric_loss="scaled_cosine", cosine_power=3.0
    )
    features = {"a": tf.constant([3.0, np.nan]), "b": tf.constant([80.0, np.nan])}
    states = tf.eye(2)
    decoder(states, features)
    values = decoder._numbers.normalise(features)[0].numpy()
    decoder.set_weights([np.stack([values[0] * 7, values[0]]), np.zeros(2)])
    assert float(decoder(states, features)[0]) < 1e-4
    decoder.set_weights([np.stack([-values[0], values[0]]), np.zeros(2)])
    np.testing.assert_allclose(decoder(states, features)[0], 2.0**3, rtol=1e-3)
    assert np.all(np.isfinite(decoder(states, features)))


def test_node_sets_weigh_by_their_hidden_nodes(schema, statistics, graph) -> None:
    auto_encoder, projection = FeatureAutoEncoder(targets=targets_of(schema, statistics)), make_projection()
    batch = graph(2)
    states = {"user": tf.random.normal([6, 8]), "video": tf.random.normal([8, 8])}

    def loss(users: list[int], videos: list[int]) -> float:
        masks = {"user": hidden(6, users), "video": hidden(8, videos)}
        return float(auto_encoder(states, masks, batch, projection))

    def hidden(size: int, nodes: list[int]) -> tf.Tensor:
        return tf.constant([node in nodes for node in range(size)])

    user, first, second = loss([1], []), loss([], [3]), loss([], [5])
    assert loss([1], [3, 5]) == pytest.approx((user + first + second) / 3, rel=1e-5)


def test_nothing_hidden_is_no_loss_and_no_gradient(schema, statistics, graph) -> None:
    auto_encoder, projection = FeatureAutoEncoder(targets=targets_of(schema, statistics)), make_projection()
    states = {"user": tf.Variable(tf.ones([6, 8])), "video": tf.Variable(tf.ones([8, 8]))}
    masks = {"user": tf.zeros([6], tf.bool), "video": tf.zeros([8], tf.bool)}
    with tf.GradientTape() as tape:
        loss = auto_encoder(states, masks, graph(2), projection)
    assert float(loss) == 0
    for gradient in tape.gradient(loss, list(states.values())):
        assert np.all(np.nan_to_num(tf.convert_to_tensor(gradient), nan=9) == 0)


def test_a_copy_from_the_config_has_the_same_loss(schema, statistics, graph) -> None:
    auto_encoder = FeatureAutoEncoder(targets=targets_of(schema, statistics), numeric_loss="scaled_cosine")
    projection = make_projection()
    states = {"user": tf.random.normal([6, 8]), "video": tf.random.normal([8, 8])}
    masks = {"user": tf.ones([6], tf.bool), "video": tf.ones([8], tf.bool)}
    expected = auto_encoder(states, masks, graph(2), projection)
    copy = FeatureAutoEncoder.from_config(auto_encoder.get_config())
    copy(states, masks, graph(2), projection)
    copy.set_weights(auto_encoder.get_weights())
    assert float(copy(states, masks, graph(2), projection)) == pytest.approx(float(expected))
