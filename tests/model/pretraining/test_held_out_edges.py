"""Which edges link prediction holds out, and that no message can pass where they were."""

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.padded_batches import pad_batch
from tfgrec.model.pretraining.held_out_edges import HeldOutEdges, hold_out_edges


def edges_of(graph: tfgnn.GraphTensor, name: str) -> list[tuple[int, int]]:
    adjacency = graph.edge_sets[name].adjacency
    return list(zip(adjacency.source.numpy().tolist(), adjacency.target.numpy().tolist(), strict=True))


def roots(num_requests: int, users: int = 3) -> list[int]:
    """The fixtures' candidates are tied to the first of each request's users."""
    return [request * users for request in range(num_requests)]


def test_each_user_s_edges_are_all_drawn_and_no_others(graph) -> None:
    batch = graph(6)
    eligible = {root: {target for source, target in edges_of(batch, "watched") if source == root} for root in roots(6)}
    assert any(len(targets) > 1 for targets in eligible.values())
    drawn: dict[int, set[int]] = {root: set() for root in eligible}
    draw = tf.function(lambda: hold_out_edges(batch, ["watched"])[:2], autograph=False)
    for _ in range(200):
        users, items = draw()
        for root, user, item in zip(roots(6), users.numpy(), items["video"].numpy(), strict=True):
            if eligible[root]:
                assert user == root
                drawn[root].add(int(item))
            else:
                assert user == item == -1
    assert drawn == eligible


def test_edges_are_equally_likely_over_several_edge_sets() -> None:
    """One user with an edge in one edge set and three in another: the lone one is drawn a quarter of the time."""
    readout = tfgnn.EdgeSet.from_fields(
        sizes=[1], adjacency=tfgnn.Adjacency.from_indices(("user", [0]), ("_readout", [0]))
    )

    def from_user(target: str, count: int) -> tfgnn.EdgeSet:
        adjacency = tfgnn.Adjacency.from_indices(("user", [0] * count), (target, list(range(count))))
        return tfgnn.EdgeSet.from_fields(sizes=[count], adjacency=adjacency)

    batch = tfgnn.GraphTensor.from_pieces(
        node_sets={
            name: tfgnn.NodeSet.from_fields(sizes=[size], features={"x": tf.zeros([size])})
            for name, size in {"user": 1, "video": 1, "room": 3, "_readout": 1}.items()
        },
        edge_sets={"watched": from_user("video", 1), "visited": from_user("room", 3), "_readout/user": readout},
    )
    draw = tf.function(lambda: hold_out_edges(batch, ["watched", "visited"]).items, autograph=False)
    videos, rooms = [], []
    for _ in range(400):
        items = draw()
        videos.append(int(items["video"][0]))
        rooms.append(int(items["room"][0]))
    assert all((video < 0) != (room < 0) for video, room in zip(videos, rooms, strict=True))
    counts = [videos.count(0), *(rooms.count(room) for room in range(3))]
    # Six standard deviations.
    assert np.abs(np.array(counts) - 100).max() < 6 * np.sqrt(400 * 0.25 * 0.75)


def test_all_edges_between_a_user_and_the_held_out_item_are_gone(graph) -> None:
    batch = graph(6).replace_features(
        node_sets={"video": {"#id": graph(6).node_sets["video"]["#id"]}}, edge_sets={"watched": {}, "watched_by": {}}
    )
    for _ in range(20):
        held_out = hold_out_edges(batch, ["watched"])
        pairs = set(zip(held_out.users.numpy().tolist(), held_out.items["video"].numpy().tolist(), strict=True))
        left = held_out.removed_from(batch)
        assert edges_of(left, "watched") == [edge for edge in edges_of(batch, "watched") if edge not in pairs]
        expected = [edge for edge in edges_of(batch, "watched_by") if edge[::-1] not in pairs]
        assert edges_of(left, "watched_by") == expected
        assert edges_of(left, "made_by") == edges_of(batch, "made_by")
        for name in ("watched", "watched_by"):
            sizes = left.edge_sets[name].sizes.numpy()
            assert len(sizes) == 6 and sizes.sum() == len(edges_of(left, name))


def test_nothing_is_drawn_in_padding(graph, labels) -> None:
    batch = graph(3)
    sizes = {
        "min_nodes_per_component": {name: 1 for name in batch.node_sets},
        "total_num_components": 5,
        "total_num_nodes": {name: 40 for name in batch.node_sets},
        "total_num_edges": {name: 40 for name in batch.edge_sets},
    }
    padded, _ = pad_batch(batch, labels(3), [tfgnn.SizeConstraints(**sizes)])
    held_out = hold_out_edges(padded, ["watched"])
    assert held_out.users.shape == [5] and held_out.users[3:].numpy().tolist() == [-1, -1]
    assert held_out.items["video"][3:].numpy().tolist() == [-1, -1]


def test_a_batch_without_edges_holds_nothing_out(graph) -> None:
    batch = graph(3, without_edges=["watched"])
    held_out = hold_out_edges(batch, ["watched"])
    assert held_out.users.numpy().tolist() == [-1, -1, -1]
    kept = HeldOutEdges(*held_out).removed_from(batch.replace_features(edge_sets={"watched": {}, "watched_by": {}}))
    assert edges_of(kept, "watched_by") == edges_of(batch, "watched_by")
