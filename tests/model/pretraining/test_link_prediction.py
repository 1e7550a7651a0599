"""Link prediction's loss against NumPy, and that an encoder learns by it."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import GraphSchema
from tfgrec.model.pretraining.held_out_edges import HeldOutEdges
from tfgrec.model.pretraining.link_prediction import LinkPrediction

LINKS = {"objective": "link_prediction", "temperature": 0.5}


def numpy_loss(
    users: np.ndarray, items: np.ndarray, user_ids: list[int], item_ids: list[int], temperature: float
) -> float:
    """The mean over requests of -log softmax of cosines over items that are others and that another user held out."""
    users, items = (of / np.linalg.norm(of, axis=1, keepdims=True) for of in (users, items))
    losses = []
    for row, user in enumerate(users):
        logits = [user @ items[row]]
        for other, item in enumerate(items):
            found = {item_ids[i] for i, of in enumerate(user_ids) if of == user_ids[row]}
            if other != row and item_ids[other] not in found:
                logits.append(user @ item)
        logits = np.array(logits) / temperature
        losses.append(np.log(np.exp(logits).sum()) - logits[0])
    return float(np.mean(losses))


def test_the_loss_is_numpy_s(build, graph) -> None:
    model, batch = build("frozen_encoder", pretraining=LINKS), graph(8, seed=3)
    layer, random = model.link_prediction, np.random.default_rng(0)
    held_out = HeldOutEdges(tf.constant([0, 3, 6, -1, 12, 15]), {"video": tf.constant([1, 5, 9, -1, 17, 21])}, "user")
    states = {
        name: tf.constant(random.normal(size=[batch.node_sets[name].total_size, 16]), tf.float32)
        for name in ("user", "video")
    }
    rows = np.array([0, 1, 2, 4, 5])
    users, items = (
        model.projection(states[name], node_set=name).numpy()[nodes.numpy()[rows]]
        for name, nodes in (("user", held_out.users), ("video", held_out.items["video"]))
    )
    ids = [batch.node_sets[name]["#id"].numpy() for name in ("user", "video")]
    nodes = [held_out.users.numpy()[rows], held_out.items["video"].numpy()[rows]]
    user_ids, item_ids = (of[at] for of, at in zip(ids, nodes, strict=True))
    found = layer(batch, states, held_out, model.projection)
    assert float(found.count) == 5
    expected = numpy_loss(users, items, user_ids.tolist(), item_ids.tolist(), temperature=0.5)
    assert float(found.mean()) == pytest.approx(expected, rel=1e-5)

    # The same item of another request is no negative, nor is what the same user has held out elsewhere.
    same = batch.replace_features(
        node_sets={
            name: {**batch.node_sets[name].get_features_dict(), "#id": tf.constant(of)}
            for name, of in (
                ("user", np.where(np.arange(len(ids[0])) == 3, ids[0][0], ids[0])),
                ("video", np.where(np.arange(len(ids[1])) == 9, ids[1][17], ids[1])),
            )
        }
    )
    changed = [same.node_sets[name]["#id"].numpy() for name in ("user", "video")]
    user_ids, item_ids = (of[at] for of, at in zip(changed, nodes, strict=True))
    expected_same = numpy_loss(users, items, user_ids.tolist(), item_ids.tolist(), temperature=0.5)
    assert expected_same < expected
    found = layer(same, states, held_out, model.projection)
    assert float(found.mean()) == pytest.approx(expected_same, rel=1e-5)


@pytest.mark.slow
def test_an_encoder_learns_to_find_the_held_out_items(build, graph, labels) -> None:
    """On one batch, whose users can be told by their features."""
    model = build(
        "two_stage",
        pretraining=LINKS,
        static_rows={},
        encoder={"units": 16, "rounds": 1, "dropout": 0.0},
        features={"user": {"#id": {"kind": "hashed", "dimension": 8, "buckets": 100}}},
    )
    assert model.loss_names == ["link_prediction"] and model.auto_encoder is None
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-2))
    step = tf.function(lambda batch, of_batch: model.train_step((batch, of_batch)))
    losses = [float(step(graph(16), labels(16))["loss/link_prediction"]) for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_a_batch_without_edges_has_no_loss(build, graph, labels) -> None:
    model = build("frozen_encoder", pretraining=LINKS)
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1))
    report = model.train_step((graph(4, without_edges=["watched"]), labels(4)))
    assert float(report["loss"]) == 0.0


def test_users_need_edges_to_items(build, schema) -> None:
    edge_sets = {name: edges for name, edges in schema.edge_sets.items() if name != "watched"}
    without = GraphSchema(context=schema.context, node_sets=schema.node_sets, edge_sets=edge_sets)
    with pytest.raises(ConfigurationError, match="pretraining.objective: link_prediction needs sampled edges") as error:
        build("frozen_encoder", schema=without, pretraining=LINKS)
    assert "watched_by, made_by" in str(error.value)


def test_the_layer_is_its_configuration() -> None:
    layer = LinkPrediction(edge_sets=["watched"], temperature=2.0, name="link_prediction")
    assert LinkPrediction.from_config(layer.get_config()).get_config() == layer.get_config()
