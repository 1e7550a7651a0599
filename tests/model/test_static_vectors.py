"""Static vectors: which row a request reads, against brute force; and what of a model is trained on them."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.model.static_vectors import EmbeddedRows, StaticVectors

NOW = 1_700_000_000_000
IDS = st.sampled_from(["", "a", "b", "c", "d"])
PAIRS = st.lists(st.tuples(IDS, st.integers(0, 5)), unique=True, max_size=12)
STILL = {
    "features": {},
    "encoder": {"units": 16, "message_units": 16, "rounds": 1, "dropout": 0.0},
    "towers": {"bottom_units": [8], "task_units": [8], "dropout": 0.0, "cross_layers": 0},
}


def make_rows(pairs: list[tuple[Any, int]], id_type: type = object) -> EmbeddedRows:
    pairs = sorted(pairs)
    return EmbeddedRows(np.array([one for one, _ in pairs], id_type), np.array([time for _, time in pairs], np.int64))


def all_users_and_videos(refreshes: tuple[int, ...] = (NOW - 10, NOW)) -> dict[str, EmbeddedRows]:
    return {
        name: make_rows([(i, time) for i in range(50) for time in refreshes], np.int64) for name in ("user", "video")
    }


def fill(layer: StaticVectors, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    vectors = {name: random.normal(size=[len(rows.ids), 16]).astype(np.float32) for name, rows in layer.rows.items()}
    for name, of_set in vectors.items():
        layer.assign(name, of_set)
    return vectors


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS, other=PAIRS, asked=st.lists(st.tuples(IDS, st.integers(-1, 7)), max_size=8))
def test_a_request_reads_the_newest_row_that_is_not_newer_than_itself(pairs, other, asked) -> None:
    layer = StaticVectors(
        rows={"room": make_rows(pairs), "user": make_rows(other)},
        id_types={"room": "string", "user": "string"},
        item_edge_sets=["_readout/item"],
        units=2,
        fine_tuned=False,
    )
    vectors = np.arange(1, 2 * len(pairs) + 1, dtype=np.float32).reshape(-1, 2)
    layer.assign("room", vectors)
    ids, times = [one for one, _ in asked], [time for _, time in asked]
    found = layer.item_vectors(tf.constant(ids, tf.string), "room", tf.constant(times, tf.int64)).numpy()
    for row, (one, time) in zip(found, asked, strict=True):
        not_newer = [number for number, (of, at) in enumerate(sorted(pairs)) if of == one and at <= time]
        np.testing.assert_array_equal(row, vectors[max(not_newer)] if not_newer else [0, 0])


def test_fields_are_the_vectors_of_the_candidates_nodes(build, graph) -> None:
    model = build("two_stage", static_rows=all_users_and_videos(), **STILL)
    vectors, batch = fill(model.static_vectors), graph(3)
    # Of each id the second row: that of the request's own time.
    users = batch.node_sets["user"]["#id"].numpy()[[0, 0, 3, 3, 6, 6]] * 2 + 1
    videos = batch.node_sets["video"]["#id"].numpy()[[0, 1, 4, 5, 8, 9]] * 2 + 1
    fields = {name: values.numpy() for name, values in model.static_vectors(batch).items()}
    np.testing.assert_array_equal(fields["graph_user"], vectors["user"][users])
    np.testing.assert_array_equal(fields["graph_item"], vectors["video"][videos])
    np.testing.assert_allclose(fields["graph_product"], vectors["user"][users] * vectors["video"][videos])
    without = model.static_vectors(graph(3, without_nodes=["video"]))
    assert not without["graph_item"].numpy().any() and without["graph_user"].numpy().any()


def test_ranking_reads_vectors_and_no_neighbour(build, open_graph_maps, graph) -> None:
    model = open_graph_maps(build("two_stage", static_rows=all_users_and_videos(), **STILL))
    before = model(graph())["click"].numpy()
    fill(model.static_vectors)
    after = model(graph())["click"].numpy()
    assert not np.allclose(before, after)
    without_edges = model(graph(without_edges=["watched", "watched_by", "made_by"]))["click"].numpy()
    np.testing.assert_array_equal(after, without_edges)
    for variable in model.encoder_variables:
        variable.assign(variable + 1)
    np.testing.assert_array_equal(after, model(graph())["click"].numpy())


@pytest.mark.parametrize("vectors", ["frozen", "fine_tuned"])
def test_ranking_trains_vectors_where_they_are_fine_tuned_and_never_the_encoder(
    build, open_graph_maps, graph, labels, vectors
) -> None:
    pretraining = {"vectors": vectors}
    model = open_graph_maps(build("two_stage", pretraining=pretraining, static_rows=all_users_and_videos(), **STILL))
    assert model.loss_names == ["auto_encoder"]
    model.freeze_encoder()
    assert model.loss_names == ["click", "seconds"]
    encoder = {variable.ref() for variable in model.encoder_variables}
    assert not encoder & {variable.ref() for variable in model.trainable_variables}
    assert model.shared_kernels == model.towers.shared_kernels
    of_layer = model.static_vectors.variables
    tables = {variable.ref() for variable in model.embedding_variables}
    expected = {f"{name}_additions:0" for name in ("user", "video")} if vectors == "fine_tuned" else set()
    assert {variable.name for variable in of_layer if variable.ref() in tables} == expected
    before = fill(model.static_vectors)
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1), embedding_optimizer=tf.keras.optimizers.SGD(0.1))
    model.train_step((graph(8), labels(8)))
    after = {variable.name: variable.numpy() for variable in of_layer}
    for name, of_set in before.items():
        np.testing.assert_array_equal(after[f"{name}_vectors:0"], of_set)
    if vectors == "fine_tuned":
        # What is learned of a node counts at all times: these have vectors of a refresh that no request has read.
        ids = graph(8).node_sets["user"]["#id"][:1]
        early = model.static_vectors.item_vectors(ids, "user", tf.constant([NOW - 5], tf.int64)).numpy()[0]
        assert np.abs(early - before["user"][int(ids[0]) * 2]).max() > 0
        np.testing.assert_allclose(
            early - before["user"][int(ids[0]) * 2], after["user_additions:0"][int(ids[0]) + 1], atol=1e-6
        )
        gone = model.static_vectors.item_vectors(ids, "user", tf.constant([0], tf.int64))
        assert not gone.numpy().any()


def test_pre_training_trains_the_encoder_alone(build, graph, labels) -> None:
    pretraining = {"vectors": "fine_tuned"}
    model = build("two_stage", pretraining=pretraining, static_rows=all_users_and_videos(), **STILL)
    before = fill(model.static_vectors)
    encoder = [variable.numpy() for variable in model.encoder.trainable_variables]
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1))
    assert set(model.train_step((graph(8), labels(8)))) == {"loss", "loss/auto_encoder", "weight/auto_encoder"}
    moved = [np.any(a != b.numpy()) for a, b in zip(encoder, model.encoder.trainable_variables, strict=True)]
    assert sum(moved) > len(moved) - 3
    for name, of_set in before.items():
        np.testing.assert_array_equal(model.static_vectors._tables[name].numpy(), of_set)


def test_the_layer_is_its_configuration(build, graph) -> None:
    layer = build("two_stage", static_rows=all_users_and_videos(), **STILL).static_vectors
    fill(layer)
    copy = StaticVectors.from_config(layer.get_config())
    other = StaticVectors.from_config({**layer.get_config(), "rows": all_users_and_videos((NOW - 9, NOW))})
    assert copy.rows_digest == layer.rows_digest != other.rows_digest
    copy.set_weights(layer.get_weights())
    for name, values in layer(graph(3)).items():
        np.testing.assert_array_equal(copy(graph(3))[name], values)


def test_two_stage_needs_to_know_its_nodes(build) -> None:
    with pytest.raises(ValueError, match="arm two_stage needs static_rows"):
        build("two_stage")
