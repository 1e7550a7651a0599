"""Ids of users and items without events say nothing, and in training a share of the others says nothing."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.absent_values import ABSENT
from tfgrec.graph.sampling.events_of_roots import RootEvents
from tfgrec.model.unknown_ids import UnknownIds

EVENTS = {
    "_readout/user": RootEvents("user", ("watched",), ()),
    "_readout/item": RootEvents("video", ("watched_by",), ()),
}


def with_ids(graph: tfgnn.GraphTensor, **ids: np.ndarray) -> tfgnn.GraphTensor:
    features = {name: {**graph.node_sets[name].get_features_dict(), "#id": tf.constant(of)} for name, of in ids.items()}
    return graph.replace_features(node_sets=features)


def cold_by_hand(graph: tfgnn.GraphTensor) -> dict[str, np.ndarray]:
    """Which nodes are candidates' users and videos without an edge."""
    found = {}
    for readout, of in EVENTS.items():
        sources = graph.edge_sets[readout].adjacency.source.numpy()
        busy = graph.edge_sets[of.edge_sets[0]].adjacency.source.numpy()
        nodes = np.arange(int(graph.node_sets[of.node_set].total_size))
        found[of.node_set] = np.isin(nodes, sources) & ~np.isin(nodes, busy)
    return found


@pytest.fixture(scope="module")
def model(build: Any, open_graph_maps: Any) -> Any:
    match = {"buckets": 200, "dimension": 4}
    built = build("joint", fusion={"match": "dot"}, match=match, unknown_ids=UnknownIds(events=EVENTS, hidden=1 - 1e-9))
    # No row at zero, so that each says something.
    random = np.random.default_rng(3)
    for table in built.embedding_variables:
        table.assign(random.normal(0, 0.5, table.shape))
    return open_graph_maps(built)


def test_the_cold_are_scored_as_nodes_that_nobody_knows(model: Any, graph: Any) -> None:
    """The oracle has blank ids made by hand, and a model that takes none off."""
    asked = graph(6)
    cold = cold_by_hand(asked)
    assert all(0 < of.sum() < len(of) for of in cold.values())
    ids = {name: asked.node_sets[name]["#id"].numpy() for name in cold}
    blank = with_ids(asked, **{name: np.where(cold[name], ABSENT["int64"], ids[name]) for name in cold})
    scores = model.predictions(asked)
    takes_off, model._unknown_ids = model._unknown_ids, None
    try:
        expected, as_they_say = model.predictions(blank), model.predictions(asked)
    finally:
        model._unknown_ids = takes_off
    for task, of_task in scores.items():
        np.testing.assert_allclose(of_task, expected[task], rtol=1e-6)
        assert not np.allclose(of_task, as_they_say[task])


def test_an_id_counts_where_there_were_events_alone(model: Any, graph: Any) -> None:
    asked = graph(6)
    ids, cold = asked.node_sets["user"]["#id"].numpy(), cold_by_hand(asked)["user"]
    first = asked.edge_sets["_readout/user"].adjacency.source.numpy()
    others = {whose: with_ids(asked, user=np.where(of, ids + 1, ids)) for whose, of in (("cold", cold), ("all", True))}
    scores = {whose: model.predictions(of)["click"].numpy() for whose, of in (("none", asked), *others.items())}
    np.testing.assert_allclose(scores["cold"], scores["none"], rtol=1e-6)
    warm = ~cold[first]
    assert (scores["all"][warm] != scores["none"][warm]).all()


def test_hidden_ids_train_the_rows_of_unknown_ones_alone(model: Any, graph: Any) -> None:
    (table,) = model.ranker_fields.id_tables
    with tf.GradientTape() as tape:
        represented = model.represent(graph(6), training=True)
        loss = tf.add_n([tf.reduce_sum(field**2) for field in represented.fields.values()])
    gradient = tape.gradient(loss, table)
    trained = np.unique(gradient.indices.numpy()[np.abs(gradient.values.numpy()).sum(axis=1) > 0])
    parts = [part.name for part in model.ranker_fields._features._embedded.named_axes[0].parts]
    sizes = [part.size for part in model.ranker_fields._features._embedded.named_axes[0].parts]
    starts = dict(zip(parts, np.cumsum([0, *sizes])[:-1], strict=True))
    assert set(trained.tolist()) == {start for name, start in starts.items() if name.endswith("unknown")}


def test_nothing_is_hidden_from_a_model_that_does_not_train(model: Any, graph: Any) -> None:
    takes_off, asked = model._unknown_ids, graph(6)
    cold = cold_by_hand(asked)
    for node_set, of in cold.items():
        ids = asked.node_sets[node_set]["#id"].numpy()
        expected = np.where(of, ABSENT["int64"], ids)
        np.testing.assert_array_equal(takes_off(asked).node_sets[node_set]["#id"], expected)
    share = UnknownIds(events=EVENTS, hidden=0.3)
    many = graph(500)
    hidden = share(many, training=True).node_sets["user"]["#id"].numpy() == ABSENT["int64"]
    asking = np.isin(np.arange(1500), many.edge_sets["_readout/user"].adjacency.source.numpy())
    free = asking & ~cold_by_hand(many)["user"]
    assert hidden[~asking].sum() == 0 and 0.2 < hidden[free].mean() < 0.4
