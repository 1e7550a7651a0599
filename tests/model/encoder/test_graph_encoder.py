"""The encoder with every update: empty sets, the way of messages, how far they go, who sees whom."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import EncoderConfig
from tfgrec.model.encoder.edge_inputs import EdgeInputs, resolve_edge_inputs
from tfgrec.model.encoder.graph_encoder import GraphEncoder
from tfgrec.model.features.feature_specs import resolve_specs

OTHERS = ("graph_sage", "gat_v2", "hgt", "mpnn")
UPDATES = ("mt_albis", *(pytest.param(update, marks=pytest.mark.slow) for update in OTHERS))
DISTANCES = [("mt_albis", 1), ("mt_albis", 3), *((update, 2) for update in OTHERS)]


@pytest.fixture(scope="module")
def make_encoder(schema, all_statistics):
    @functools.cache
    def make(
        update: str = "mt_albis",
        rounds: int = 1,
        outputs: tuple[str, ...] = ("user", "video"),
        training_outputs: tuple[str, ...] = (),
        normalization: str = "layer",
        **changes: object,
    ) -> GraphEncoder:
        """An encoder, shared by the tests: none of them changes its variables."""
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
            training_outputs=list(training_outputs),
            config=EncoderConfig(units=16, rounds=rounds, update=update, normalization=normalization, **changes),
        )

    return make


def with_feature(graph: tfgnn.GraphTensor, node_set: str, node: int, value: float, feature: str) -> tfgnn.GraphTensor:
    features = graph.node_sets[node_set].get_features_dict()
    features[feature] = tf.tensor_scatter_nd_update(features[feature], [[node]], [value])
    return graph.replace_features(node_sets={node_set: features})


def permuted(graph: tfgnn.GraphTensor, seed: int = 5) -> tuple[tfgnn.GraphTensor, dict[str, np.ndarray]]:
    """The same graph of one component with its nodes and edges in another order, and each node's new place."""
    random = np.random.default_rng(seed)
    orders = {name: random.permutation(int(nodes.total_size)) for name, nodes in graph.node_sets.items()}
    places = {name: np.argsort(order) for name, order in orders.items()}
    node_sets = {
        name: tfgnn.NodeSet.from_fields(
            features={key: tf.gather(value, orders[name]) for key, value in nodes.get_features_dict().items()},
            sizes=nodes.sizes,
        )
        for name, nodes in graph.node_sets.items()
    }
    edge_sets = {}
    for name, edges in graph.edge_sets.items():
        order, adjacency = random.permutation(int(edges.total_size)), edges.adjacency
        ends = [
            (node_set, places[node_set][tf.gather(indices, order).numpy()])
            for node_set, indices in (
                (adjacency.source_name, adjacency.source),
                (adjacency.target_name, adjacency.target),
            )
        ]
        edge_sets[name] = tfgnn.EdgeSet.from_fields(
            features={key: tf.gather(value, order) for key, value in edges.get_features_dict().items()},
            sizes=edges.sizes,
            adjacency=tfgnn.Adjacency.from_indices(*ends),
        )
    return tfgnn.GraphTensor.from_pieces(graph.context, node_sets, edge_sets), places


@pytest.mark.parametrize("update", UPDATES)
def test_every_update_gives_finite_states_and_gradients(make_encoder, graph, update) -> None:
    encoder = make_encoder(update)
    with tf.GradientTape() as tape:
        states = encoder(graph(), training=True)
        loss = tf.add_n([tf.reduce_sum(tf.square(state)) for state in states.values()])
    shapes = {name: state.shape.as_list() for name, state in states.items()}
    assert shapes == {"user": [9, 16], "video": [12, 16], "author": [6, 16]}
    gradients = tape.gradient(loss, encoder.trainable_variables)
    present = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
    assert len(present) > 10 and all(np.all(np.isfinite(gradient)) for gradient in present)


@pytest.mark.parametrize(
    ("update", "normalization"),
    [("mt_albis", "batch"), *(pytest.param(update, "layer", marks=pytest.mark.slow) for update in OTHERS)],
)
def test_empty_edge_sets_and_node_sets_do_no_harm(make_encoder, graph, update, normalization) -> None:
    encoder = make_encoder(update, normalization=normalization)
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
    assert all(np.all(np.isfinite(variable)) for variable in encoder.variables)


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


@pytest.mark.parametrize(
    ("update", "rounds"), [("mt_albis", 2), *(pytest.param(*case, marks=pytest.mark.slow) for case in DISTANCES)]
)
def test_information_travels_one_edge_a_round(make_encoder, graph, update, rounds) -> None:
    """On a path user 0 -> video 0 -> user 1 -> video 1, what is said of a node reaches as many edges as rounds."""
    encoder, batch = make_encoder(update, rounds=rounds, outputs=("user",)), graph(1)
    ends = {"watched": ("user", [0, 1], "video", [0, 1]), "watched_by": ("video", [0], "user", [1])}
    edge_sets = dict(batch.edge_sets)
    for name, (source, sources, target, targets) in ends.items():
        features = {key: value[: len(sources)] for key, value in batch.edge_sets[name].get_features_dict().items()}
        adjacency = tfgnn.Adjacency.from_indices((source, sources), (target, targets))
        edge_sets[name] = tfgnn.EdgeSet.from_fields(features=features, sizes=[len(sources)], adjacency=adjacency)
    path = tfgnn.GraphTensor.from_pieces(batch.context, batch.node_sets, edge_sets)
    before = encoder(path)["user"][0].numpy()
    along = [("video", 0, "duration"), ("user", 1, "follows"), ("video", 1, "duration")]
    for distance, (node_set, node, feature) in enumerate(along, start=1):
        after = encoder(with_feature(path, node_set, node, 1e6, feature))["user"][0].numpy()
        assert np.array_equal(before, after) == (distance > rounds), (distance, rounds)


@pytest.mark.parametrize(
    ("update", "normalization"),
    [("mt_albis", "batch"), *(pytest.param(update, "layer", marks=pytest.mark.slow) for update in OTHERS)],
)
def test_a_requests_states_do_not_depend_on_the_other_requests(make_encoder, graph, update, normalization) -> None:
    encoder, batch = make_encoder(update, rounds=2, normalization=normalization), graph(3)
    before = encoder(batch)
    last_of = {"user": 8, "video": 11}
    changed = with_feature(batch, "user", last_of["user"], 1e6, "follows")
    changed = with_feature(changed, "video", last_of["video"], 1e6, "duration")
    after = encoder(changed)
    for name, per_request in (("user", 3), ("video", 4)):
        first_two = slice(0, 2 * per_request)
        np.testing.assert_allclose(before[name][first_two], after[name][first_two], atol=1e-6)
        assert not np.allclose(before[name][-1], after[name][-1], atol=1e-3)


@pytest.mark.parametrize("update", UPDATES)
def test_the_order_of_nodes_and_edges_is_of_no_matter(make_encoder, graph, update) -> None:
    encoder, batch = make_encoder(update, rounds=2), graph(1)
    reordered, places = permuted(batch)
    states, after = encoder(batch), encoder(reordered)
    for name in states:
        np.testing.assert_allclose(states[name], tf.gather(after[name], places[name]), atol=1e-5)


@pytest.mark.parametrize(
    ("update", "reads"), [("mt_albis", True), ("mpnn", True), ("gat_v2", True), ("hgt", False), ("graph_sage", False)]
)
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


def test_features_encoded_once_serve_two_passes(make_encoder, graph) -> None:
    encoder, batch = make_encoder(), graph()
    inputs = encoder.inputs(batch)
    masks = {"video": tf.one_hot(2, 12) > 0}
    for of_pass in (None, masks):
        np.testing.assert_array_equal(encoder.propagate(inputs, of_pass)["user"], encoder(batch, of_pass)["user"])


def test_a_node_set_without_features_has_one_learned_state(make_encoder, graph) -> None:
    states = make_encoder()(graph())["author"].numpy()
    assert np.ptp(states, axis=0).max() == 0 and np.abs(states).max() > 0


@pytest.mark.parametrize("update", UPDATES)
def test_the_last_round_updates_only_what_is_read(make_encoder, graph, update) -> None:
    narrow, wide = make_encoder(update, outputs=("user",)), make_encoder(update)
    states, all_states = narrow(graph()), wide(graph())
    assert len(narrow.trainable_variables) < len(wide.trainable_variables)
    initial = narrow.inputs(graph()).node_sets["video"][tfgnn.HIDDEN_STATE]
    np.testing.assert_array_equal(states["video"], initial)
    assert not np.allclose(all_states["video"], initial)


def test_what_only_training_reads_is_updated_in_training_alone(make_encoder, graph) -> None:
    encoder, batch = make_encoder(outputs=("user",), training_outputs=("user", "video"), dropout=0.0), graph()
    in_serving = encoder(batch)
    serving_variables = len(encoder.variables)
    in_training = encoder(batch, training=True)
    np.testing.assert_allclose(in_serving["user"], in_training["user"], atol=1e-6)
    assert not np.allclose(in_serving["video"], in_training["video"], atol=1e-3)
    assert len(encoder.variables) > serving_variables


def test_variables_are_made_in_the_same_order_in_every_process(make_encoder, graph) -> None:
    """HGT walks through sets of names, whose order changes from process to process."""
    encoder = make_encoder("hgt", rounds=1)
    encoder(graph())
    skips = [variable.name for variable in encoder.variables if "skip_" in variable.name]
    assert len(skips) == 2 and skips == sorted(skips)


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
