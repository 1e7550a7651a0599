"""Rounds of message passing against NumPy, computed edge by edge from the layers' weights; and what each key does."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import EncoderConfig
from tfgrec.model.encoder.graph_updates import EDGE_INPUT, NodeUpdate

UPDATES = ("mt_albis", "graph_sage", "gat_v2", "hgt", "mpnn")
UNITS = 6


@pytest.fixture(scope="module")
def batch(graph) -> tfgnn.GraphTensor:
    """Two requests with random states and edge inputs; node 0 of each node set receives nothing."""
    random, merged = np.random.default_rng(3), graph(2)
    states = {
        name: {
            tfgnn.HIDDEN_STATE: tf.constant(random.normal(size=(merged.node_sets[name].total_size, UNITS)), tf.float32)
        }
        for name in ("user", "video", "author")
    }
    edge_sets = {}
    for name in ("watched", "watched_by", "made_by"):
        adjacency = merged.edge_sets[name].adjacency
        edge_sets[name] = tfgnn.EdgeSet.from_fields(
            features={EDGE_INPUT: tf.constant(random.normal(size=(10, 2)), tf.float32)},
            sizes=merged.edge_sets[name].sizes,
            adjacency=tfgnn.Adjacency.from_indices(
                (adjacency.source_name, tf.maximum(adjacency.source, 1)), (adjacency.target_name, adjacency.target)
            ),
        )
    merged = merged.replace_features(node_sets=states)
    return tfgnn.GraphTensor.from_pieces(merged.context, merged.node_sets, edge_sets)


@functools.cache
def make(update: str, **changes: object) -> NodeUpdate:
    config = {"units": UNITS, "attention_heads": 2 if update in ("hgt", "gat_v2") else None, "dropout": 0.0, **changes}
    return NodeUpdate(config=EncoderConfig(update=update, **config), node_sets=["user", "video"])


def updated(layer: NodeUpdate, graph: tfgnn.GraphTensor, training: bool = False) -> dict[str, np.ndarray]:
    states = layer(graph, training=training).node_sets
    return {name: states[name][tfgnn.HIDDEN_STATE].numpy() for name in ("user", "video")}


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def dense(layer: tf.keras.layers.Dense, values: np.ndarray) -> np.ndarray:
    weights = [weight.numpy() for weight in layer.weights]
    return values @ weights[0] + (weights[1] if len(weights) > 1 else 0)


def layer_norm(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=1, keepdims=True)) / np.sqrt(values.var(axis=1, keepdims=True) + 1e-3)


def messages(graph: tfgnn.GraphTensor, edge_set: str) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Receiver, its state, the sender's state and the input of each edge."""
    edges = graph.edge_sets[edge_set]
    receivers = graph.node_sets[edges.adjacency.source_name][tfgnn.HIDDEN_STATE].numpy()
    senders = graph.node_sets[edges.adjacency.target_name][tfgnn.HIDDEN_STATE].numpy()
    ends = zip(edges.adjacency.source.numpy(), edges.adjacency.target.numpy(), edges[EDGE_INPUT].numpy(), strict=True)
    return [(int(receiver), receivers[receiver], senders[sender], values) for receiver, sender, values in ends]


def pooled(values: list[tuple[int, np.ndarray]], num_nodes: int, width: int, by: str) -> np.ndarray:
    result = np.zeros([num_nodes, width])
    for node in range(num_nodes):
        received = [value for receiver, value in values if receiver == node]
        if received:
            result[node] = np.mean(received, axis=0) if by == "mean" else np.sum(received, axis=0)
    return result


def of_simple_conv(
    conv: tf.keras.layers.Layer, graph: tfgnn.GraphTensor, edge_set: str, size: int, by: str
) -> np.ndarray:
    layer = conv._message_fn.layers[0]
    values = [
        (receiver, relu(dense(layer, np.concatenate([values, sender, own]))))
        for receiver, own, sender, values in messages(graph, edge_set)
    ]
    return pooled(values, size, layer.units, by)


def of_sage(conv: tf.keras.layers.Layer, graph: tfgnn.GraphTensor, edge_set: str, size: int) -> np.ndarray:
    hidden = getattr(conv, "_pooling_transform_fn", None)
    values = [
        (receiver, sender if hidden is None else relu(dense(hidden, sender)))
        for receiver, _, sender, _ in messages(graph, edge_set)
    ]
    return dense(conv._transform_neighbor_fn, pooled(values, size, len(values[0][1]), "mean"))


def of_gat(conv: tf.keras.layers.Layer, graph: tfgnn.GraphTensor, edge_set: str, size: int) -> np.ndarray:
    """GATv2 (arXiv 2105.14491, equation 7), a softmax over a receiver's edges in each head."""
    logits, values, receivers = [], [], []
    for receiver, own, sender, inputs in messages(graph, edge_set):
        value = (dense(conv._w_sender_node, sender) + dense(conv._w_sender_edge, inputs)).reshape(2, -1)
        features = value + dense(conv._w_query, own).reshape(2, -1)
        features = np.where(features > 0, features, 0.2 * features)
        logits.append(np.einsum("ik,ki->i", features, conv._attention_logits_fn.weights[0].numpy()))
        values.append(value)
        receivers.append(receiver)
    result = np.zeros([size, values[0].size])
    for node in set(receivers):
        edges = [edge for edge, receiver in enumerate(receivers) if receiver == node]
        exponents = np.exp([logits[edge] for edge in edges])
        shares = exponents / exponents.sum(axis=0)
        result[node] = sum(share[:, None] * values[edge] for share, edge in zip(shares, edges, strict=True)).ravel()
    return relu(result)


def oracle(layer: NodeUpdate, update: str, graph: tfgnn.GraphTensor) -> dict[str, np.ndarray]:
    states = {}
    for name, node_set_update in layer._template._node_set_updates.items():
        own = graph.node_sets[name][tfgnn.HIDDEN_STATE].numpy()
        convolutions = sorted(node_set_update._edge_set_inputs.items())
        next_state = node_set_update._next_state
        if update == "graph_sage":
            received = [of_sage(conv, graph, edge_set, len(own)) for edge_set, conv in convolutions]
            new = relu(dense(next_state._self_transform, own) + sum(received) + next_state._bias_term.numpy())
        elif update == "gat_v2":
            received = [of_gat(conv, graph, edge_set, len(own)) for edge_set, conv in convolutions]
            new = relu(dense(next_state._transformation.layers[0], np.concatenate([own, *received], axis=1)))
        else:
            by = "mean" if update == "mt_albis" else "sum"
            received = [of_simple_conv(conv, graph, edge_set, len(own), by) for edge_set, conv in convolutions]
            transform = next_state._dense if update == "mt_albis" else next_state._transformation.layers[0]
            new = relu(dense(transform, np.concatenate([own, *received], axis=1)))
        states[name] = layer_norm(new + own)
    return states


@pytest.mark.parametrize(
    ("update", "message_units"),
    [("mt_albis", 8), ("graph_sage", None), ("graph_sage", 8), ("gat_v2", 8), ("mpnn", 8)],
)
def test_a_round_equals_brute_force(batch, update, message_units) -> None:
    layer = make(update, message_units=message_units)
    layer(batch)
    random = np.random.default_rng(8)
    normalization = {variable.ref() for part in layer._normalizations.values() for variable in part.variables}
    for variable in layer.variables:
        if variable.ref() not in normalization:
            variable.assign(random.normal(0, 0.5, variable.shape))
    expected = oracle(layer, update, batch)
    for name, states in updated(layer, batch).items():
        np.testing.assert_allclose(states, expected[name], atol=2e-5)


@pytest.mark.parametrize("update", UPDATES)
def test_the_residual_link_and_the_normalisation_can_be_switched_off(batch, update) -> None:
    old = batch.node_sets["user"][tfgnn.HIDDEN_STATE].numpy()
    plain = updated(make(update, normalization="none", residual=update == "hgt"), batch)["user"]
    weights = make(update, normalization="none", residual=update == "hgt").get_weights()
    with_link = make(update, normalization="none")
    with_link(batch)
    with_link.set_weights(weights)
    expected = plain if update == "hgt" else plain + old
    np.testing.assert_allclose(updated(with_link, batch)["user"], expected, atol=1e-6)
    on_sphere = make(update, normalization="l2")
    on_sphere(batch)
    on_sphere.set_weights(weights)
    lengths = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(updated(on_sphere, batch)["user"], expected / lengths, atol=1e-5)


@pytest.mark.parametrize(
    ("update", "key"),
    [*((update, "dropout") for update in UPDATES), ("mt_albis", "edge_dropout"), ("gat_v2", "edge_dropout")],
)
def test_dropout_is_random_in_training_and_off_in_serving(batch, update, key) -> None:
    layer = make(update, **{key: 0.5})
    once, again = (updated(layer, batch, training=True)["user"] for _ in range(2))
    assert not np.allclose(once, again, atol=1e-3)
    np.testing.assert_array_equal(updated(layer, batch)["user"], updated(layer, batch)["user"])


@pytest.mark.parametrize("update", UPDATES)
def test_without_dropout_training_computes_what_serving_does(batch, update) -> None:
    layer = make(update)
    np.testing.assert_allclose(updated(layer, batch, training=True)["user"], updated(layer, batch)["user"], atol=1e-6)
