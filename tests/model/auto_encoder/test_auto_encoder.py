"""The feature auto-encoder: what is hidden, what is rebuilt, and what the loss weighs."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.encodings import CategoricalEncoding, HashedEncoding, IgnoredEncoding
from tfgrec.config.model import EncoderConfig
from tfgrec.data.padded_batches import REAL_NODES
from tfgrec.errors import ConfigurationError
from tfgrec.model.auto_encoder.feature_auto_encoder import FeatureAutoEncoder
from tfgrec.model.auto_encoder.feature_decoder import FeatureDecoder
from tfgrec.model.auto_encoder.graph_decoder import GraphDecoder
from tfgrec.model.auto_encoder.reconstruction_targets import NodeSetTargets, reconstruction_targets
from tfgrec.model.encoder.masking import sample_masks
from tfgrec.model.encoder.shared_projection import SharedProjection
from tfgrec.model.features.feature_specs import resolve_specs


def targets_of(
    schema,
    statistics,
    *,
    chosen: dict[str, list[str]] | None = None,
    receivers: tuple[str, ...] = ("user", "video"),
    max_classes: int = 50,
    **encodings: Any,
) -> dict[str, NodeSetTargets]:
    specs = {
        name: resolve_specs(
            node_set=name,
            features=nodes.features,
            encodings={"#id": HashedEncoding(), **encodings} if name != "author" else {},
            statistics=statistics,
        )
        for name, nodes in schema.stored_node_sets.items()
    }
    return reconstruction_targets(specs, statistics, receivers=receivers, chosen=chosen, max_classes=max_classes)


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


def test_targets_can_be_chosen(schema, statistics) -> None:
    chosen = targets_of(schema, statistics, chosen={"video": ["tags", "duration"], "user": []})
    assert set(chosen) == {"video"} and chosen["video"].num_features == 2
    assert chosen["video"] != targets_of(schema, statistics)["video"]


@pytest.mark.parametrize(
    ("node_set", "feature", "message"),
    [
        ("author", "#id", "targets.author: no edge set leaves 'author', so its nodes can't be told what they hide"),
        ("user", "#id", "targets.user: '#id' can't be rebuilt: rebuilding ids teaches nothing"),
        ("user", "age", "targets.user: 'age' can't be rebuilt: its encoding is hashed"),
        ("user", "activity", r"targets.user: 'activity' can't be rebuilt: the model ignores it \(see model.features\)"),
        ("video", "duration", "targets.video: 'duration' can't be rebuilt: it never varies"),
    ],
)
def test_what_is_chosen_must_be_rebuildable(schema, statistics, node_set: str, feature: str, message: str) -> None:
    statistics["video"]["duration"]["numeric"]["standard_deviation"] = 0.0
    encodings = {"age": HashedEncoding(), "activity": IgnoredEncoding()}
    with pytest.raises(ConfigurationError, match=f"model.auto_encoder.{message}"):
        targets_of(schema, statistics, chosen={node_set: [feature]}, **encodings)


def test_a_node_set_that_no_edge_set_leaves_has_no_target(schema, statistics) -> None:
    assert set(targets_of(schema, statistics, receivers=("user",))) == {"user"}


def test_rare_classes_are_merged(schema, statistics) -> None:
    statistics["video"]["kind"]["categorical"] = {"count": 9_000, "values": [[f"k{n}", 3] for n in range(3_000)]}
    target = targets_of(schema, statistics)["video"].categorical["kind"]
    assert len(target.shares) == 50 and target.shares[0] == pytest.approx(1 - 49 * 3 / 9_000, rel=1e-3)


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


def test_padding_is_never_hidden(graph) -> None:
    batch = graph(800)
    real = {name: tf.range(batch.node_sets[name].total_size) < 1_000 for name in ("user", "video")}
    padded = batch.replace_features(
        node_sets={
            name: {**batch.node_sets[name].get_features_dict(), REAL_NODES: of_set} for name, of_set in real.items()
        }
    )
    for mask in sample_masks(padded, node_sets=["user", "video"], rate=0.99).values():
        assert np.any(mask[:1_000]) and not np.any(mask[1_000:])


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
        return float(auto_encoder(states, masks, batch, projection).mean())

    def hidden(size: int, nodes: list[int]) -> tf.Tensor:
        return tf.constant([node in nodes for node in range(size)])

    user, first, second = loss([1], []), loss([], [3]), loss([], [5])
    assert loss([1], [3, 5]) == pytest.approx((user + first + second) / 3, rel=1e-5)


def test_nothing_hidden_is_no_loss_and_no_gradient(schema, statistics, graph) -> None:
    auto_encoder, projection = FeatureAutoEncoder(targets=targets_of(schema, statistics)), make_projection()
    states = {"user": tf.Variable(tf.ones([6, 8])), "video": tf.Variable(tf.ones([8, 8]))}
    masks = {"user": tf.zeros([6], tf.bool), "video": tf.zeros([8], tf.bool)}
    with tf.GradientTape() as tape:
        loss = auto_encoder(states, masks, graph(2), projection).mean()
    assert float(loss) == 0
    for gradient in tape.gradient(loss, list(states.values())):
        assert np.all(np.nan_to_num(tf.convert_to_tensor(gradient), nan=9) == 0)


ENCODER = EncoderConfig(units=8, dropout=0.0)


def make_states(batch) -> dict[str, tf.Tensor]:
    return {name: tf.random.normal([int(batch.node_sets[name].total_size), 8]) for name in ("user", "video", "author")}


@pytest.mark.parametrize("graph_update", [None, ENCODER])
def test_a_copy_from_the_config_has_the_same_loss(schema, statistics, graph, graph_update) -> None:
    auto_encoder = FeatureAutoEncoder(
        targets=targets_of(schema, statistics), numeric_loss="scaled_cosine", graph_update=graph_update
    )
    projection, states = make_projection(), make_states(graph(2))
    masks = {"user": tf.ones([6], tf.bool), "video": tf.ones([8], tf.bool)}
    expected = auto_encoder(states, masks, graph(2), projection).mean()
    copy = FeatureAutoEncoder.from_config(auto_encoder.get_config())
    copy(states, masks, graph(2), projection)
    copy.set_weights(auto_encoder.get_weights())
    assert float(copy(states, masks, graph(2), projection).mean()) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("update", ["mt_albis", "graph_sage", "gat_v2", "hgt", "mpnn"])
def test_a_graph_decoder_knows_of_a_hidden_node_what_its_neighbours_say(graph, update: str) -> None:
    decoder = GraphDecoder(node_sets=["user", "video"], config=ENCODER.model_copy(update={"update": update}))
    batch = graph(2)
    states = make_states(batch)
    masks = {name: tf.range(len(states[name])) == 1 for name in ("user", "video")}
    decoder(states, masks, batch)
    decoder.set_weights([np.random.default_rng(0).normal(0, 0.5, value.shape) for value in decoder.get_weights()])
    watched = batch.edge_sets["watched"].adjacency
    neighbour = int(watched.target[list(watched.source.numpy()).index(1)])
    assert neighbour != 1

    def decoded(node_set: str, node: int) -> np.ndarray:
        changed = {**states, node_set: tf.tensor_scatter_nd_add(states[node_set], [[node]], tf.ones([1, 8]))}
        return decoder(changed, masks, batch)["user"][1].numpy()

    expected = decoder(states, masks, batch)["user"][1].numpy()
    np.testing.assert_array_equal(decoded("user", 1), expected)
    assert np.abs(decoded("video", neighbour) - expected).max() > 1e-4


@pytest.mark.parametrize("graph_update", [None, ENCODER])
@pytest.mark.parametrize("without", [{"without_edges": ["watched", "made_by"]}, {"without_nodes": ["video", "author"]}])
def test_empty_sets_are_decoded(schema, statistics, graph, graph_update, without: dict[str, list[str]]) -> None:
    auto_encoder = FeatureAutoEncoder(targets=targets_of(schema, statistics), graph_update=graph_update)
    batch = graph(2, **without)
    states = make_states(batch)
    masks = {name: tf.ones([len(states[name])], tf.bool) for name in ("user", "video")}
    loss = auto_encoder(states, masks, batch, make_projection())
    assert float(loss.count) == len(states["user"]) + len(states["video"]) and np.isfinite(loss.mean())
