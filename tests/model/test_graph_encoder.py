"""The encoder with every update: empty sets, the way of messages, edge inputs."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.edge_inputs import EdgeInputs, resolve_edge_inputs
from tfgrec.model.encoder import GraphEncoder
from tfgrec.model.feature_specs import resolve_specs

UPDATES = ("mt_albis", "graph_sage", "gat_v2", "hgt", "mpnn")


@pytest.fixture(scope="module")
def make_encoder(schema, config, all_statistics):
    @functools.cache
    def make(update: str = "mt_albis", rounds: int = 1, outputs: tuple[str, ...] = ("user", "video")) -> GraphEncoder:
        """An encoder, shared by the tests: none of them changes its variables."""
        encoder = {"units": 16, "message_units": 16, "rounds": rounds, "update": update}
        specs = {
            name: resolve_specs(node_set=name, features=nodes.features, encodings={}, statistics=all_statistics)
            for name, nodes in schema.stored_node_sets.items()
        }
        return GraphEncoder(
            specs=specs,
            edge_inputs=resolve_edge_inputs(schema.stored_edge_sets, all_statistics),
            receivers=["user", "video"],
            masked=["user", "video"],
            outputs=list(outputs),
            config=config(encoder=encoder).encoder,
        )

    return make


def with_feature(graph: tfgnn.GraphTensor, node_set: str, node: int, value: float, feature: str) -> tfgnn.GraphTensor:
    features = graph.node_sets[node_set].get_features_dict()
    features[feature] = tf.tensor_scatter_nd_update(features[feature], [[node]], [value])
    return graph.replace_features(node_sets={node_set: features})


@pytest.mark.parametrize("update", UPDATES)
def test_every_update_gives_finite_states_and_gradients(make_encoder, graph, update) -> None:
    encoder = make_encoder(update)
    with tf.GradientTape() as tape:
        states = encoder(graph(), training=True)
        loss = tf.add_n([tf.reduce_sum(tf.square(state)) for state in states.values()])
    assert {name: state.shape.as_list() for name, state in states.items()} == {"user": [9, 16], "video": [12, 16]}
    gradients = tape.gradient(loss, encoder.trainable_variables)
    present = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
    assert len(present) > 10 and all(np.all(np.isfinite(gradient)) for gradient in present)


@pytest.mark.parametrize("update", UPDATES)
def test_empty_edge_sets_and_node_sets_do_no_harm(make_encoder, graph, update) -> None:
    encoder = make_encoder(update)
    for empty in (
        {"without_edges": ["watched", "watched_by", "made_by"]},
        {"without_nodes": ["author"]},
        {"without_nodes": ["author", "video"]},
    ):
        batch = graph(**empty)
        with tf.GradientTape() as tape:
            states = encoder(batch, training=True)
            loss = tf.add_n([tf.reduce_sum(tf.square(state)) for state in states.values()])
        for name, state in states.items():
            assert state.shape[0] == batch.node_sets[name].total_size and np.all(np.isfinite(state))
        gradients = [gradient for gradient in tape.gradient(loss, encoder.trainable_variables) if gradient is not None]
        assert gradients and all(np.all(np.isfinite(tf.convert_to_tensor(gradient))) for gradient in gradients)


@pytest.mark.parametrize("update", UPDATES)
def test_messages_run_from_the_neighbour_to_the_node_that_sampled_it(make_encoder, graph, update) -> None:
    encoder, batch = make_encoder(update), graph(1, without_edges=["watched_by", "made_by"])
    adjacency = batch.edge_sets["watched"].adjacency
    user, video = int(adjacency.source[0]), int(adjacency.target[0])
    before = encoder(batch)
    of_changed_video = encoder(with_feature(batch, "video", video, 1e6, "duration"))
    of_changed_user = encoder(with_feature(batch, "user", user, 1e6, "follows"))
    assert not np.allclose(before["user"][user], of_changed_video["user"][user], atol=1e-5)
    np.testing.assert_allclose(before["video"], of_changed_user["video"], atol=1e-6)


@pytest.mark.parametrize(("update", "reads"), [("mt_albis", True), ("mpnn", True), ("gat_v2", True), ("hgt", False)])
def test_the_age_of_an_edge_reaches_messages_where_the_update_has_a_place_for_it(
    make_encoder, graph, update, reads
) -> None:
    encoder, batch = make_encoder(update), graph()
    before = encoder(batch)["user"]
    features = batch.edge_sets["watched"].get_features_dict()
    older = batch.replace_features(edge_sets={"watched": {**features, "time": features["time"] - 10**10}})
    assert np.allclose(before, encoder(older)["user"], atol=1e-6) != reads


def test_a_hidden_node_shows_nothing_of_its_features(make_encoder, graph) -> None:
    encoder, batch = make_encoder(), graph()
    masks = {"video": tf.one_hot(2, 12) > 0, "user": tf.zeros([9], tf.bool)}
    hidden = encoder(batch, masks=masks)
    changed = encoder(with_feature(batch, "video", 2, 1e6, "duration"), masks=masks)
    for name in hidden:
        np.testing.assert_array_equal(hidden[name], changed[name])


def test_a_node_set_without_features_has_one_learned_state(make_encoder, graph) -> None:
    encoder = make_encoder(outputs=("author",))
    states = encoder(graph())["author"].numpy()
    assert np.ptp(states, axis=0).max() == 0 and np.abs(states).max() > 0


def test_the_last_round_updates_only_what_is_read(make_encoder, graph) -> None:
    narrow, wide = make_encoder(outputs=("user",)), make_encoder(outputs=("user", "video"))
    narrow(graph()), wide(graph())
    assert len(narrow.trainable_variables) < len(wide.trainable_variables)


def test_a_copy_from_the_config_computes_the_same(make_encoder, graph) -> None:
    encoder, batch = make_encoder(rounds=2), graph()
    expected = encoder(batch)
    copy = GraphEncoder.from_config(encoder.get_config())
    copy(batch)
    copy.set_weights(encoder.get_weights())
    np.testing.assert_allclose(copy(batch)["video"], expected["video"], atol=1e-6)


def test_edge_inputs_are_age_and_numbers(schema, statistics, graph) -> None:
    batch = graph(2)
    features = batch.edge_sets["watched"].get_features_dict()
    day_old = tf.fill([10], tf.constant(1_700_000_000_000 - 86_400_000, tf.int64))
    batch = batch.replace_features(edge_sets={"watched": {**features, "time": day_old}})
    inputs = EdgeInputs(specs=resolve_edge_inputs(schema.stored_edge_sets, statistics))(batch)
    assert {name: values.shape.as_list() for name, values in inputs.items()} == {
        "watched": [10, 2],
        "watched_by": [10, 1],
        "made_by": [10, 0],
    }
    np.testing.assert_allclose(inputs["watched"][:, 0], 1.0, atol=1e-4)
    np.testing.assert_allclose(inputs["watched"][:, 1], np.log1p(features["liked"]), atol=1e-6)


def test_the_age_of_an_edge_is_counted_from_its_own_request(schema, statistics, graph) -> None:
    batch = graph(2)
    times = batch.context["time"] + tf.constant([0, 86_400_000_000], tf.int64)
    layer = EdgeInputs(specs=resolve_edge_inputs(schema.stored_edge_sets, statistics))
    before = layer(batch)["watched_by"][:, 0].numpy()
    after = layer(batch.replace_features(context={"time": times}))["watched_by"][:, 0].numpy()
    np.testing.assert_array_equal(before[:5], after[:5])
    assert np.all(after[5:] > before[5:])
