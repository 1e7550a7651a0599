"""What is written comes back; what is damaged, unfinished or foreign is refused by name."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from graph_world import SCHEMA, STORED_EDGE_SETS, World, example_world, row_order, write_world

from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.graph.schema import ID, TIME, EdgeSet, Feature, GraphSchema, NodeSet
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.layout import sealed
from tfgrec.graph.store.store_writer import GraphStoreWriter

TIMED = GraphSchema(
    context={TIME: Feature("int64")},
    node_sets={"a/b": NodeSet({ID: Feature("int64")})},
    edge_sets={"of": EdgeSet("a/b", "a/b", {TIME: Feature("int64"), "weight": Feature("float32")})},
)


@pytest.fixture(scope="module")
def world() -> World:
    return example_world()


@pytest.fixture(scope="module", params=[1, 3, 16])
def store(world: World, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return write_world(world, tmp_path_factory.mktemp("store"), request.param)


def test_nodes_come_back_with_their_features(store: GraphStore, world: World) -> None:
    for name, nodes in world.nodes.items():
        raw = list(nodes)
        dense = store.lookup(name, raw)
        assert sorted(dense.tolist()) == list(range(len(raw))), "dense ids are 0 to n - 1"
        assert store.num_nodes(name) == len(raw)
        features = store.node_features(name, dense)
        assert features.pop(ID).to_pylist() == raw
        for feature, column in features.items():
            assert column.to_pylist() == [nodes[node][feature] for node in raw]
        assert all(len(column) == 0 for column in store.node_features(name, dense[:0]).values())


def test_unknown_ids_are_minus_one(store: GraphStore) -> None:
    assert store.lookup("live", ["live 3", "live 99", ""]).tolist()[1:] == [-1, -1]
    assert (store.lookup("user", np.array([-1, 5, 2**62])) == -1).all()
    assert len(store.lookup("user", [])) == 0


def test_edges_come_back_oldest_first(store: GraphStore, world: World) -> None:
    for name in STORED_EDGE_SETS:
        edge_set, adjacency = SCHEMA.edge_sets[name], store.adjacency(name)
        sources = list(world.nodes[edge_set.source])
        starts, ends = adjacency.row_bounds(store.lookup(edge_set.source, sources))
        assert (ends - starts).sum() == adjacency.num_edges == len(world.edges[name])
        for source, start, end in zip(sources, starts, ends, strict=True):
            expected = sorted((edge for edge in world.edges[name] if edge.source == source), key=row_order)
            positions = np.arange(start, end)
            targets = store.node_features(edge_set.target, adjacency.targets(positions))[ID].to_pylist()
            assert targets == [edge.target for edge in expected]
            if adjacency.timed:
                assert adjacency.times(positions).tolist() == [edge.time for edge in expected]
                assert adjacency.features(positions)[TIME].to_pylist() == [edge.time for edge in expected]


def test_visible_edges_are_those_before_the_time_and_not_before_the_window(store: GraphStore, world: World) -> None:
    nodes = np.repeat(store.lookup("user", list(world.nodes["user"])), 50)
    before = np.tile(np.arange(50) * 21, 30)
    adjacency = store.adjacency("watched")
    starts, ends = adjacency.row_bounds(nodes)
    expected = [
        start + np.searchsorted(adjacency.times(np.arange(start, end)), time, side="left")
        for start, end, time in zip(starts, ends, before, strict=True)
    ]
    visible_starts, visible_ends = adjacency.visible_bounds(nodes, before)
    assert np.array_equal(visible_starts, starts) and visible_ends.tolist() == expected
    from_times = before - np.random.default_rng(0).integers(-50, 500, len(before))
    windows, same_ends = adjacency.visible_bounds(nodes, before, from_times)
    assert np.array_equal(same_ends, visible_ends)
    _, earlier_ends = adjacency.visible_bounds(nodes, from_times)
    assert np.array_equal(windows, np.minimum(earlier_ends, visible_ends))
    untimed = store.adjacency("made_by")
    videos = np.arange(store.num_nodes("video"))
    nowhen = np.zeros(len(videos), np.int64)
    for visible, row in zip(untimed.visible_bounds(videos, nowhen), untimed.row_bounds(videos), strict=True):
        assert np.array_equal(visible, row)
    with pytest.raises(ValueError, match="have no times"):
        untimed.visible_bounds(videos, nowhen, nowhen)
    with pytest.raises(ValueError, match="have no times"):
        untimed.times(np.arange(1))


def test_dense_ids_do_not_depend_on_the_number_of_shards(world: World, tmp_path: Path) -> None:
    one, many = write_world(world, tmp_path / "one", 1), write_world(world, tmp_path / "many", 9)
    for name, nodes in world.nodes.items():
        assert np.array_equal(one.lookup(name, list(nodes)), many.lookup(name, list(nodes)))


def test_hashes_are_the_same_on_all_machines(tmp_path: Path) -> None:
    """Stores, and random choices, are only portable while these numbers stay."""
    writer = GraphStoreWriter(tmp_path, SCHEMA, 1000)
    assert writer.shard_of(np.array([0, 1, -5, 2**62])).tolist() == [0, 338, 281, 73]
    assert writer.shard_of(np.array(["", "a", "Zürich"], object)).tolist() == [95, 756, 402]


def test_positions_outside_are_refused(store: GraphStore) -> None:
    with pytest.raises(IndexError, match="reach outside 0 to 30"):
        store.node_features("user", np.array([3, 30]))
    with pytest.raises(IndexError, match="positions -1"):
        store.adjacency("watched").row_bounds(np.array([-1]))


def test_a_store_can_be_pickled(store: GraphStore) -> None:
    again = pickle.loads(pickle.dumps(store))
    assert again.manifest == store.manifest
    assert again.schema == SCHEMA
    assert again.feedback_delays["watched"] == 5 and again.feedback_delays["joined"] == 0


@pytest.mark.parametrize("position", [0, 0.5, 1])
def test_verify_names_the_file_in_which_a_byte_was_flipped(world: World, tmp_path: Path, position: float) -> None:
    store = write_world(world, tmp_path, 2)
    store.verify()
    for path in sorted(tmp_path.rglob("*.arrow")):
        sound = path.read_bytes()
        at = int(position * (len(sound) - 1))
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(GraphStoreError) as error:
            GraphStore.open(tmp_path).verify()
        assert str(path.relative_to(tmp_path)) in str(error.value)
        path.write_bytes(sound)
    GraphStore.open(tmp_path).verify()


def test_a_checked_store_maps_no_set_in_which_a_byte_was_flipped(world: World, tmp_path: Path) -> None:
    users = list(world.nodes["user"])
    expected = write_world(world, tmp_path, 2).adjacency("watched").num_edges
    flip(tmp_path / "edges" / "watched" / "00001-of-00002.arrow")
    store = pickle.loads(pickle.dumps(GraphStore.open(tmp_path, checked=True)))
    # Sets that are not asked for are not read.
    assert (store.lookup("user", users) >= 0).all() and store.adjacency("made_by").num_edges > 0
    for _ in range(2):
        with pytest.raises(GraphStoreError, match=r"edges/watched/00001-of-00002\.arrow: is damaged, its checksum"):
            store.adjacency("watched")
    GraphStore.open(tmp_path).verify({"made_by"})
    with pytest.raises(GraphStoreError, match=r"edges/watched/00001-of-00002\.arrow: is damaged"):
        GraphStore.open(tmp_path).verify({"made_by", "watched"})
    flip(tmp_path / "edges" / "watched" / "00001-of-00002.arrow")
    assert store.adjacency("watched").num_edges == expected
    flip(tmp_path / "nodes" / "user" / "00000-of-00002.arrow")
    with pytest.raises(GraphStoreError, match=r"nodes/user/00000-of-00002\.arrow: is damaged"):
        GraphStore.open(tmp_path, checked=True).lookup("user", users)


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_open_names_a_file_that_is_missing_or_cut(world: World, tmp_path: Path) -> None:
    write_world(world, tmp_path, 2)
    path = tmp_path / "edges" / "watched" / "00001-of-00002.arrow"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GraphStoreError, match=r"edges/watched/00001-of-00002\.arrow: has \d+ bytes, the"):
        GraphStore.open(tmp_path)
    path.unlink()
    with pytest.raises(GraphStoreError, match=r"edges/watched/00001-of-00002\.arrow: is missing"):
        GraphStore.open(tmp_path)


def test_open_refuses_what_is_no_whole_store(world: World, tmp_path: Path) -> None:
    with pytest.raises(GraphStoreError, match="there is no graph store"):
        GraphStore.open(tmp_path / "none")
    write_world(world, tmp_path, 1)
    manifest_path = tmp_path / "manifest.json"
    manifest = json.loads(manifest_path.read_text())
    manifest.pop("sha256")

    def open_with(text: str) -> str:
        manifest_path.write_text(text)
        with pytest.raises(GraphStoreError) as error:
            GraphStore.open(tmp_path)
        return str(error.value)

    assert "is damaged" in open_with(json.dumps({**sealed(manifest), "shards": 7}))
    assert "of format version 99, this tfgrec reads version" in open_with(
        json.dumps(sealed({**manifest, "version": 99}))
    )
    assert "is not the manifest of a graph store" in open_with("{}")
    assert "can't be read" in open_with("{")
    manifest_path.unlink()
    with pytest.raises(GraphStoreError, match=r"unfinished \(no manifest\.json\)"):
        GraphStore.open(tmp_path)


def test_a_writer_that_dies_leaves_nothing_that_can_be_opened(tmp_path: Path) -> None:
    writer = GraphStoreWriter(tmp_path, TIMED, 2)
    ids = np.arange(10)
    entries = [writer.write_node_shard("a/b", s, ids[writer.shard_of(ids) == s], {}) for s in range(2)]
    nothing = np.empty(0, np.int64)
    entries.append(writer.write_edge_shard("of", 0, nothing, nothing, nothing, {"weight": pa.array([], pa.float32())}))
    with pytest.raises(GraphStoreError, match="no manifest.json"):
        GraphStore.open(tmp_path)
    with pytest.raises(GraphStoreError, match="edge_sets not written: of shard 1"):
        writer.finish(entries, {}, {}, {})
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".arrow"]


def test_entries_may_be_repeated_but_not_differ(tmp_path: Path) -> None:
    writer = GraphStoreWriter(tmp_path, TIMED, 1)
    first = writer.write_node_shard("a/b", 0, np.arange(3), {})
    edges = writer.write_edge_shard("of", 0, np.array([1]), np.array([2]), np.array([5]), {"weight": np.ones(1)})
    other = {**first, "count": 7}
    with pytest.raises(GraphStoreError, match="node_sets a/b shard 0 was written twice, differently"):
        writer.finish([first, edges, other], {}, {}, {})
    with pytest.raises(GraphStoreError, match=r"feedback delays of unknown edge sets \['off'\]"):
        writer.finish([first, edges], {}, {"off": 5}, {})
    writer.finish([first, edges, dict(first)], {}, {}, {"bad rows": 3})
    assert GraphStore.open(tmp_path).manifest["extra"] == {"bad rows": 3}
    with pytest.raises(GraphStoreError, match="holds a finished graph store"):
        writer.write_node_shard("a/b", 0, np.arange(4), {})


def test_edge_shards_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sources, targets, times = random.integers(0, 3, (3, 60))
    weights = random.integers(0, 2, 60).astype(np.float32)
    checksums = set()
    for number in range(4):
        writer = GraphStoreWriter(tmp_path / str(number), TIMED, 1)
        writer.write_node_shard("a/b", 0, random.permutation(3), {})
        order = random.permutation(60)
        columns = [column[order] for column in (sources, targets, times)]
        entry = writer.write_edge_shard("of", 0, *columns, {"weight": weights[order]})
        checksums.add(tuple(file["sha256"] for file in entry["files"]))
    assert len(checksums) == 1


@pytest.mark.parametrize(
    ("ids", "features", "error", "expected"),
    [
        ([1, 2, 1], {}, InputDataError, "node set 'a/b': id 1 is there more than once"),
        (["x"], {}, InputDataError, "expected int64 ids"),
        ([1], {"x": pa.array([1])}, InputDataError, r"expected features \[\], received \['x'\]"),
    ],
)
def test_bad_nodes_are_refused(ids: list, features: dict, error: type, expected: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=expected):
        GraphStoreWriter(tmp_path, TIMED, 1).write_node_shard("a/b", 0, np.array(ids), features)


def test_bad_columns_are_refused(tmp_path: Path) -> None:
    writer = GraphStoreWriter(tmp_path, SCHEMA, 1)

    def write(**features: pa.Array) -> str:
        with pytest.raises(InputDataError, match=r"node set 'video'\.") as error:
            writer.write_node_shard("video", 0, np.array([1]), {"length": pa.array([1.0]), **features})
        return str(error.value)

    assert "topics: expected list<item: int64>, received other values" in write(topics=pa.array([["x"]]))
    assert "topics: expected 1 values, received 2 of which 0 are empty" in write(topics=pa.array([[1], [2]]))
    assert "of which 1 are empty" in write(topics=pa.array([None], pa.list_(pa.int64())))
    assert "of which 1 are empty" in write(topics=pa.array([[1, None]]))
    with pytest.raises(InputDataError, match="node set 'author': expected string ids, received None"):
        writer.write_node_shard("author", 0, np.array(["x", None], object), {})


def test_bad_edges_are_refused(tmp_path: Path) -> None:
    writer = GraphStoreWriter(tmp_path, TIMED, 2)
    ids, node = np.arange(10), np.array([0])
    weight = {"weight": np.ones(1)}
    with pytest.raises(GraphStoreError, match="shard of node set 'a/b' is not written"):
        writer.write_edge_shard("of", 0, node, node, node, weight)
    for shard in range(2):
        writer.write_node_shard("a/b", shard, ids[writer.shard_of(ids) == shard], {})
    last = np.array([9])
    with pytest.raises(GraphStoreError, match="sources of shard 0: expected dense ids 0 to"):
        writer.write_edge_shard("of", 0, last, node, node, weight)
    with pytest.raises(GraphStoreError, match="targets: expected dense ids 0 to 9, received 10 to 10"):
        writer.write_edge_shard("of", 1, last, last + 1, node, weight)
    with pytest.raises(InputDataError, match="expected features"):
        writer.write_edge_shard("of", 1, last, last, None, weight)
    assert writer.shard_of_nodes("a/b", np.array([0, 9])).tolist() == [0, 1]
    with pytest.raises(GraphStoreError, match="was given ids of another shard"):
        writer.write_node_shard("a/b", 0, ids, {})
