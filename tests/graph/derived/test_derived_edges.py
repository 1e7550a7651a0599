"""Derived edges against an oracle; caps, ties, the time cut, and that shards and chunks make no difference."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
from derived_oracle import oracle_derived
from graph_strategies import worlds
from graph_world import REVERSES, SCHEMA, Edge, World, example_world, write_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfgrec.config.tables import CoWatch, DerivedEdges, Swing
from tfgrec.errors import ConfigurationError
from tfgrec.graph.derived import co_watch, derived_edges, neighbour_weights, swing
from tfgrec.graph.derived.derived_edges import DerivedColumns, derivation_base, derive_edges
from tfgrec.graph.derived.item_events import DerivationBase
from tfgrec.graph.derived.snapshots import Snapshots
from tfgrec.graph.schema import ID
from tfgrec.graph.store.graph_store import GraphStore

# Several events in a refresh interval, several at once, and some at the very time of a snapshot.
STEP, REFRESH = 500, 1_000
EXAMPLES = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def base_of(store: GraphStore, definition: DerivedEdges) -> DerivationBase:
    names = {*definition.base, f"{definition.from_}_by"}
    targets = [SCHEMA.edge_sets[name].target for name in definition.base]
    return derivation_base(
        definition,
        {name: store.adjacency(name) for name in names},
        f"{definition.from_}_by",
        num_partners=store.num_nodes(targets[1]),
        same_items=targets[0] == targets[1],
        where="edge_sets.derived",
    )


def derive(store: GraphStore, definition: DerivedEdges, base: DerivationBase | None = None) -> DerivedColumns:
    items = np.arange(store.num_nodes(SCHEMA.edge_sets[definition.from_].target))
    return derive_edges(definition, base or base_of(store, definition), items)


def by_raw_ids(store: GraphStore, definition: DerivedEdges, found: DerivedColumns) -> dict[tuple, float]:
    ends = [
        store.node_features(SCHEMA.edge_sets[name].target, nodes)[ID].to_pylist()
        for name, nodes in zip(definition.base, (found.sources, found.targets), strict=True)
    ]
    keys = list(zip(ends[0], found.times.tolist(), ends[1], strict=True))
    assert len(set(keys)) == len(keys), "an edge is there twice"
    return dict(zip(keys, found.weights, strict=True))


def stretched(world: World) -> World:
    """The world with milliseconds as steps of half a refresh interval."""
    edges = {
        name: [edge if edge.time is None else dataclasses.replace(edge, time=edge.time * STEP) for edge in of_set]
        for name, of_set in world.edges.items()
    }
    return dataclasses.replace(world, edges=edges)


def snapshot_numbers(world: World, definition: DerivedEdges) -> range:
    times = [edge.time for name in definition.base for edge in world.edges[name]]
    refresh = round(definition.refresh_seconds * 1_000)
    return range(min(times) // refresh + 1, max(times) // refresh + 2) if times else range(0)


def edge_sets() -> st.SearchStrategy[dict[str, str]]:
    names = st.sampled_from(["watched", "joined"])
    return st.fixed_dictionaries({"from_": names, "to": st.one_of(st.none(), names)})


SHARED = {
    "refresh_seconds": st.sampled_from([REFRESH / 1_000, 1.5]),
    "history_seconds": st.sampled_from([None, 0.5, 1.0, 1.7]),
    "max_items_per_user": st.sampled_from([1, 2, 3, 100]),
    "max_neighbours": st.sampled_from([1, 2, 50]),
    "min_weight": st.sampled_from([0, 0.4, 2]),
}


@st.composite
def definitions(draw: st.DrawFn) -> DerivedEdges:
    of_all = draw(edge_sets()) | {name: draw(values) for name, values in SHARED.items()}
    if draw(st.booleans()):
        return CoWatch(kind="co_watch", within_seconds=draw(st.sampled_from([None, 0, 0.5, 1.2])), **of_all)
    caps = {"damping": draw(st.sampled_from([0.0, 1.0, 0.3])), "max_users_per_item": draw(st.sampled_from([2, 3, 9]))}
    return Swing(kind="swing", **caps, **of_all)


@EXAMPLES
@given(world=worlds().map(stretched), definition=definitions(), shards=st.sampled_from([1, 3]))
def test_edges_are_those_of_the_oracle(world: World, definition: DerivedEdges, shards: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = write_world(world, Path(folder), shards)
        found = by_raw_ids(store, definition, derive(store, definition))
    assert found == pytest.approx(oracle_derived(world, definition, snapshot_numbers(world, definition)), rel=1e-6)


@pytest.mark.slow
@EXAMPLES
@given(world=worlds().map(stretched), definition=definitions(), time=st.integers(2, 14).map(lambda n: n * STEP // 2))
def test_no_edge_tells_of_what_its_request_could_not_see(world: World, definition: DerivedEdges, time: int) -> None:
    """What a request sees of derived edges stays as it is when all is forgotten that the request could not see."""
    delays = {name: world.feedback_delays[name] for name in definition.base}
    known = {name: _known_at(time, edges, delays.get(REVERSES.get(name, name))) for name, edges in world.edges.items()}
    with tempfile.TemporaryDirectory() as folder:
        whole = write_world(world, Path(folder) / "whole", 1)
        past = write_world(dataclasses.replace(world, edges=known), Path(folder) / "past", 1)
        all_snapshots, base = base_of(whole, definition).snapshots, base_of(past, definition)
        histories = [dataclasses.replace(of, snapshots=all_snapshots) for of in (base.histories, base.partners)]
        base = dataclasses.replace(base, snapshots=all_snapshots, histories=histories[0], partners=histories[1])
        with_future = by_raw_ids(whole, definition, derive(whole, definition))
        without = by_raw_ids(past, definition, derive(past, definition, base))

    def seen(edges: dict[tuple, float]) -> dict[tuple, float]:
        return {edge: weight for edge, weight in edges.items() if edge[1] + max(delays.values()) < time}

    assert seen(with_future) == seen(without)


def _known_at(time: int, edges: list[Edge], delay: int | None) -> list[Edge]:
    return [edge for edge in edges if delay is None or edge.time + delay < time]


BOTH_KINDS = [
    CoWatch(kind="co_watch", from_="watched", refresh_seconds=1, max_neighbours=3),
    CoWatch(kind="co_watch", from_="watched", to="joined", refresh_seconds=1, history_seconds=30, within_seconds=20),
    Swing(kind="swing", from_="watched", refresh_seconds=10, max_neighbours=3, max_items_per_user=4),
    Swing(kind="swing", from_="joined", to="watched", refresh_seconds=7, max_users_per_item=5, damping=0.5),
]


@pytest.fixture(scope="module")
def world() -> World:
    """Many users, many events, 100 seconds."""
    many = example_world()
    edges = {
        name: [dataclasses.replace(edge, time=edge.time * 100) for edge in many.edges[name]]
        for name in ("watched", "watched_by", "joined", "joined_by")
    }
    return dataclasses.replace(many, edges={**many.edges, **edges})


@pytest.mark.parametrize("definition", BOTH_KINDS, ids=["co-watch", "two domains", "swing", "swing of two domains"])
class TestManyEdges:
    def test_edges_are_those_of_the_oracle(self, world: World, definition: DerivedEdges, tmp_path: Path) -> None:
        store = write_world(world, tmp_path, 4)
        found = by_raw_ids(store, definition, derive(store, definition))
        assert len(found) > 100
        assert found == pytest.approx(oracle_derived(world, definition, snapshot_numbers(world, definition)), rel=1e-6)

    def test_neither_shards_nor_chunks_make_a_difference(
        self, world: World, definition: DerivedEdges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = dataclasses.astuple(derive(write_world(world, tmp_path / "1", 1), definition))
        store = write_world(world, tmp_path / "5", 5)
        np.testing.assert_equal(_sorted(dataclasses.astuple(derive(store, definition))), _sorted(expected))
        one_by_one = [
            dataclasses.astuple(derive_edges(definition, base_of(store, definition), np.array([item])))
            for item in range(store.num_nodes(SCHEMA.edge_sets[definition.from_].target))
        ]
        joined = [np.concatenate(columns) for columns in zip(*one_by_one, strict=True)]
        np.testing.assert_equal(_sorted(joined), _sorted(expected))
        for module, name in (
            (co_watch, "_MOST_PAIRS"),
            (swing, "_MOST_SWINGS"),
            (neighbour_weights, "_MOST_EXPANDED"),
            (neighbour_weights, "_MOST_LISTS"),
            (derived_edges, "_MOST_EVENTS"),
        ):
            monkeypatch.setattr(module, name, 13)
        np.testing.assert_equal(_sorted(dataclasses.astuple(derive(store, definition))), _sorted(expected))


def _sorted(columns: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    order = np.lexsort(columns)
    return [column[order] for column in columns]


def small_world(watched: list[tuple[int, int, int]]) -> World:
    """Users who watch videos: (user, video, seconds)."""
    edges = [Edge(user, video, seconds * 1_000, ("tv", 0.0)) for user, video, seconds in watched]
    nodes = {
        "user": {user: {"age": 0.0, "city": "", "tags": []} for user, _, _ in watched},
        "video": {video: {"length": 0.0, "topics": []} for _, video, _ in watched},
        "live": {},
        "author": {},
    }
    backward = [dataclasses.replace(edge, source=edge.target, target=edge.source) for edge in edges]
    empty = {name: [] for name in SCHEMA.stored_edge_sets}
    return World(nodes, {**empty, "watched": edges, "watched_by": backward}, {})


def test_swing_by_hand(tmp_path: Path) -> None:
    """Three users have videos 1 and 2; two of them a third one too, which makes their pair weigh less."""
    watched = [(user, video, 1) for user in (7, 8, 9) for video in (1, 2)]
    world = small_world([*watched, (7, 3, 1), (8, 3, 1)])
    definition = Swing(kind="swing", from_="watched", refresh_seconds=10, damping=1)
    store = write_world(world, tmp_path, 1)
    found = by_raw_ids(store, definition, derive(store, definition))
    both_ways = {1: {2: 2 / 3 + 1 / 4, 3: 1 / 4}, 2: {1: 2 / 3 + 1 / 4, 3: 1 / 4}, 3: {1: 1 / 4, 2: 1 / 4}}
    expected = {(item, 10_000, other): weight for item, of in both_ways.items() for other, weight in of.items()}
    assert found == pytest.approx(expected, rel=1e-6)


def test_an_event_counts_from_the_next_snapshot_until_its_history_ends(tmp_path: Path) -> None:
    world = small_world([(7, 1, 10), (7, 2, 19), (8, 3, 45)])
    definition = CoWatch(kind="co_watch", from_="watched", refresh_seconds=10, history_seconds=20)
    store = write_world(world, tmp_path, 1)
    found = by_raw_ids(store, definition, derive(store, definition))
    # The first event is at the time of a snapshot, which does not know of it, and is just old enough at 30 s.
    assert found == {(1, at, 2): 1 for at in (20_000, 30_000)} | {(2, at, 1): 1 for at in (20_000, 30_000)}


@pytest.mark.parametrize(("within", "count"), [(20, 2), (19.999, 0)])
def test_events_may_be_just_so_far_apart(within: float, count: int, tmp_path: Path) -> None:
    store = write_world(small_world([(7, 1, 10), (7, 2, 30)]), tmp_path, 1)
    definition = CoWatch(kind="co_watch", from_="watched", within_seconds=within)
    assert len(derive(store, definition).sources) == count


def test_a_list_that_nothing_changes_is_made_at_every_snapshot(tmp_path: Path) -> None:
    world = small_world([(7, 1, 1), (7, 2, 1), (8, 3, 95)])
    store = write_world(world, tmp_path, 1)
    definition = CoWatch(kind="co_watch", from_="watched", refresh_seconds=10)
    assert np.unique(derive(store, definition).times).tolist() == list(range(10_000, 101_000, 10_000))


def test_no_edges_make_none(tmp_path: Path) -> None:
    store = write_world(small_world([]), tmp_path, 1)
    for definition in BOTH_KINDS:
        assert all(len(column) == 0 for column in dataclasses.astuple(derive(store, definition)))


def test_a_wrong_time_is_told_before_it_fills_the_disk(tmp_path: Path) -> None:
    store = write_world(small_world([(7, 1, 0), (7, 2, 10**8)]), tmp_path, 1)
    definition = CoWatch(kind="co_watch", from_="watched", refresh_seconds=60)
    with pytest.raises(ConfigurationError, match=r"edge_sets\.derived: .* makes 1,666,667 snapshots, at most 4,096"):
        base_of(store, definition)


def test_snapshots_are_multiples_of_the_interval() -> None:
    snapshots = Snapshots(interval=1_000, first=1, last=3)
    assert snapshots.first_after(np.array([-1, 0, 999, 1_000])).tolist() == [0, 1, 1, 2]
    assert snapshots.times(np.array([0, 3])).tolist() == [0, 3_000]
