"""The sampler against a plain-Python oracle, edge by edge, and what must not change its results."""

import dataclasses
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from graph_oracle import eligible, oracle_sample
from graph_strategies import plans, requests_of, worlds
from graph_world import (
    SCHEMA,
    STORED_EDGE_SETS,
    Edge,
    Request,
    World,
    example_requests,
    example_world,
    request_batch,
    write_world,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tfgrec.config.sampling import FanOut, SamplingConfig
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.examples.encoding import encode_examples, to_ragged_columns
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.sampling.subgraphs import SampledSubgraphs, sample_subgraphs
from tfgrec.graph.schema import ID, TIME
from tfgrec.graph.store.graph_store import GraphStore

MIXED = SamplingConfig(
    hops=[
        {"watched": 4, "joined": {"fan_out": 2, "strategy": "uniform"}, "follows": 2, "made_by": 1, "hosted_by": 1},
        {
            "watched": {"fan_out": 2, "strategy": "weighted", "weight": "share"},
            "watched_by": {"fan_out": 2, "strategy": "top_by_weight", "weight": "share", "window_seconds": 0.6},
            "joined_by": {"fan_out": 2, "strategy": "uniform", "window_seconds": 0.5},
            "made_by": 1,
            "made": 3,
        },
    ],
    history={"watched": {"newest": 6, "features": ["topics"]}, "joined": {"newest": 2, "window_seconds": 0.5}},
)


def sampled_by_request(store: GraphStore, sampled: SampledSubgraphs, request: int) -> tuple[dict, dict]:
    """One request's nodes and edges as the oracle tells them."""
    nodes = {name: [] for name in SCHEMA.stored_node_sets}
    edges = {name: [] for name in STORED_EDGE_SETS}
    for name, of_set in sampled.node_sets.items():
        mine = of_set.nodes[of_set.splits[request] : of_set.splits[request + 1]]
        nodes[name] = store.node_features(name, mine)[ID].to_pylist()
    for name, of_set in sampled.edge_sets.items():
        mine = slice(of_set.splits[request], of_set.splits[request + 1])
        features = store.adjacency(name).features(of_set.positions[mine])
        columns = [features[feature].to_pylist() for feature in sorted(features) if feature != TIME]
        sources = [nodes[SCHEMA.edge_sets[name].source][number] for number in of_set.sources[mine]]
        targets = [nodes[SCHEMA.edge_sets[name].target][number] for number in of_set.targets[mine]]
        times = features[TIME].to_pylist() if TIME in features else [None] * len(sources)
        rest = zip(*columns, strict=True) if columns else [()] * len(sources)
        edges[name] = [Edge(*edge) for edge in zip(sources, targets, times, rest, strict=True)]
    return nodes, edges


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    worlds(), plans(["most_recent", "top_by_weight"]), st.sampled_from(["video", "live"]), st.integers(1, 3), st.data()
)
def test_samples_what_the_oracle_samples(
    world: World, plan: SamplingConfig, item_node_set: str, shards: int, data: st.DataObject
) -> None:
    requests = data.draw(requests_of(world, item_node_set))
    with tempfile.TemporaryDirectory() as folder:
        store = write_world(world, Path(folder), shards)
        sampled = sample_subgraphs(store, request_batch(store, requests), plan)
        expansions: dict[tuple[int, str], list[tuple[int, int]]] = {}
        for number, request in enumerate(requests):
            nodes, edges, of_request = oracle_sample(world, request, plan)
            assert sampled_by_request(store, sampled, number) == (nodes, edges)
            for key, rows in of_request.items():
                expansions.setdefault(key, []).extend(rows)
        for expansion in sampled.expansions:
            rows = list(zip(expansion.visible.tolist(), expansion.taken.tolist(), strict=True))
            assert rows == expansions.pop((expansion.hop, expansion.edge_set), [])
        assert not expansions


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), plans(strategies=["uniform", "weighted"]), st.integers(1, 3), st.data())
def test_drawn_edges_are_distinct_and_as_many_as_there_are(
    world: World, plan: SamplingConfig, shards: int, data: st.DataObject
) -> None:
    requests = data.draw(requests_of(world, "video"))
    with tempfile.TemporaryDirectory() as folder:
        store = write_world(world, Path(folder), shards)
        sampled = sample_subgraphs(store, request_batch(store, requests), plan)
        for number, request in enumerate(requests):
            _, edges = sampled_by_request(store, sampled, number)
            for name, taken in edges.items():
                fan_outs = [hop[name] for hop in plan.hops if name in hop]
                for source, edges_of_source in _by_source(taken).items():
                    # One hop took them all: a node is expanded once.
                    assert any(
                        _is_a_draw(edges_of_source, eligible(world, request, name, source, fan_out), fan_out.fan_out)
                        for fan_out in fan_outs
                    )
                    times = [edge.time or 0 for edge in edges_of_source]
                    assert times == sorted(times, reverse=True)


def _is_a_draw(taken: list[Edge], from_edges: list[Edge], fan_out: int) -> bool:
    return not Counter(taken) - Counter(from_edges) and len(taken) == min(fan_out, len(from_edges))


def _by_source(edges: list[Edge]) -> dict[int | str, list[Edge]]:
    by_source: dict[int | str, list[Edge]] = {}
    for edge in edges:
        by_source.setdefault(edge.source, []).append(edge)
    return by_source


@pytest.fixture(scope="module")
def world() -> World:
    return example_world()


@pytest.fixture(scope="module")
def store(world: World, tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return write_world(world, tmp_path_factory.mktemp("store"), 3)


def records(store: GraphStore, requests: list[Request]) -> list[bytes]:
    batch = request_batch(store, requests)
    schema = record_schema(store.schema, MIXED)
    return encode_examples(to_ragged_columns(store, batch, sample_subgraphs(store, batch, MIXED), {}, schema))


@pytest.mark.parametrize("item_node_set", ["video", "live"])
def test_records_do_not_depend_on_the_batch(store: GraphStore, world: World, item_node_set: str) -> None:
    requests = example_requests(world, item_node_set, 40)
    together = records(store, requests)
    assert [records(store, [request])[0] for request in requests] == together
    order = np.random.default_rng(0).permutation(len(requests))
    assert records(store, [requests[i] for i in order]) == [together[i] for i in order]
    assert len(set(together)) == len(requests)


@pytest.mark.parametrize("shards", [1, 8])
def test_records_do_not_depend_on_shards_nor_on_the_order_of_the_input(
    store: GraphStore, world: World, shards: int, tmp_path: Path
) -> None:
    shuffled = World(
        {name: dict(reversed(nodes.items())) for name, nodes in world.nodes.items()},
        {name: edges[::-1] for name, edges in world.edges.items()},
        world.feedback_delays,
    )
    requests = example_requests(world, "video", 40)
    assert records(write_world(shuffled, tmp_path, shards), requests) == records(store, requests)


def test_no_edge_at_or_after_the_request_is_sampled(store: GraphStore, world: World) -> None:
    requests = example_requests(world, "video", 200)
    batch = request_batch(store, requests)
    sampled = sample_subgraphs(store, batch, MIXED)
    for name in ("watched", "watched_by", "joined", "follows"):
        edges = sampled.edge_sets[name]
        times = store.adjacency(name).times(edges.positions)
        request_times = np.repeat(batch.times, np.diff(edges.splits))
        assert len(times)
        assert (times + world.feedback_delays.get(name, 0) < request_times).all()


def test_uniform_gives_each_visible_edge_the_same_chance(tmp_path: Path) -> None:
    users = list(example_world().nodes["user"])
    edges = {name: [] for name in STORED_EDGE_SETS}
    hidden = 10**6
    edges["follows"] = [Edge(0, user, time) for time, user in enumerate(users[:-1])] + [Edge(0, users[-1], hidden)]
    store = write_world(World(example_world().nodes, edges, {}), tmp_path, 2)
    visible, fan_out, count = len(users) - 1, 4, 10_000
    plan = SamplingConfig(hops=[{"follows": {"fan_out": fan_out, "strategy": "uniform"}}])
    batch = request_batch(store, [Request(0, visible + number, "video", (0,)) for number in range(count)])
    positions = sample_subgraphs(store, batch, plan).edge_sets["follows"].positions
    times = store.adjacency("follows").times(positions)
    assert times.max() < hidden
    # Each frequency is binomial: five standard deviations.
    expected = count * fan_out / visible
    frequencies = np.bincount(times, minlength=visible)
    assert np.abs(frequencies - expected).max() < 5 * np.sqrt(expected * (1 - fan_out / visible))

    # The same request always gets the same edges; another seed gives it others.
    same = request_batch(store, [Request(0, visible, "video", (0,))] * 2)
    again = sample_subgraphs(store, same, plan).edge_sets["follows"].positions.reshape(2, fan_out)
    assert (again == positions[:fan_out]).all()
    seeds = [sample_subgraphs(store, same, plan.model_copy(update={"seed": seed})) for seed in range(5)]
    assert len({tuple(sampled.edge_sets["follows"].positions) for sampled in seeds}) > 1


def test_records_hold_what_the_plan_reaches() -> None:
    schema = record_schema(SCHEMA, SamplingConfig(hops=[{"watched": 2, "made": 1}, {"made_by": 1, "joined_by": 0}]))
    assert set(schema.stored_edge_sets) == {"watched", "made_by"}
    assert set(schema.stored_node_sets) == {"user", "video", "live", "author"}
    assert set(schema.item_readouts()) == {"video", "live"}


def test_unknown_edge_set_of_a_plan_is_named(store: GraphStore, world: World) -> None:
    plan = SamplingConfig(hops=[{"watched": 2}, {"wached_by": 1}])
    with pytest.raises(ConfigurationError, match=r"hops\.1: unknown edge set 'wached_by': did you mean 'watched_by'\?"):
        sample_subgraphs(store, request_batch(store, example_requests(world, "video", 1)), plan)


@pytest.mark.parametrize(
    ("edge_set", "fan_out", "expected"),
    [
        (
            "watched",
            {"strategy": "weighted", "weight": "shar"},
            "sampling.hops.0.watched.weight: 'shar' is no scalar number of 'watched': did you mean 'share'?",
        ),
        ("watched", {"strategy": "top_by_weight", "weight": "device"}, "'device' is no scalar number of 'watched'"),
        (
            "made",
            {"window_seconds": 5},
            "sampling.hops.0.made.window_seconds: the edges of 'made' have no times",
        ),
    ],
)
def test_plans_that_the_edges_do_not_fit_are_named(edge_set: str, fan_out: dict, expected: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        record_schema(SCHEMA, SamplingConfig(hops=[{edge_set: {"fan_out": 2, **fan_out}}]))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("fan_out", "expected"),
    [
        ({"strategy": "weighted"}, "strategy weighted needs weight"),
        ({"weight": "share"}, "strategy most_recent takes no weight"),
        ({"window_seconds": 0}, "greater than 0"),
        ({"fan_out": -1}, "greater than or equal to 0"),
    ],
)
def test_fan_outs_that_make_no_sense_are_refused(fan_out: dict, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        FanOut(**{"fan_out": 2, **fan_out})


def test_candidates_that_are_no_items_are_refused(store: GraphStore, world: World) -> None:
    batch = dataclasses.replace(request_batch(store, example_requests(world, "video", 1)), item_node_set="author")
    with pytest.raises(InputDataError, match=r"'author' is no node set of items, which are \['live', 'video'\]"):
        sample_subgraphs(store, batch, MIXED)
