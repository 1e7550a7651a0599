"""Histories: what a plan makes of a schema, which events they list, and plans that don't fit."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from graph_oracle import oracle_history
from graph_world import SCHEMA, World, example_requests, example_world, request_batch, write_world

from tfgrec.config.sampling import SamplingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.sampling.histories import history_features, sample_histories
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import (
    ID,
    TIME,
    EdgeSet,
    Feature,
    GraphSchema,
    NodeSet,
    history_edge_set,
    history_node_set,
    is_history,
)
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.shards import as_arrow

PLAN = SamplingConfig(
    hops=[{"made_by": 1}],
    history={
        "watched": {"newest": 7, "features": ["topics"]},
        "joined": {"newest": 20, "window_seconds": 0.3},
        "follows": {"newest": 2, "features": ["tags", "age"]},
    },
)


@pytest.fixture(scope="module")
def world() -> World:
    return example_world()


@pytest.fixture(scope="module")
def store(world: World, tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return write_world(world, tmp_path_factory.mktemp("store"), 3)


def test_names_of_history_node_sets() -> None:
    assert history_node_set("watched") == "history/watched"
    assert history_edge_set("history/a/b") == "a/b"
    assert [is_history(name) for name in ("history/watched", "history", "watched/history/x")] == [True, False, False]
    with pytest.raises(ValueError, match="'watched' is no history"):
        history_edge_set("watched")


def test_record_schema_tells_what_events_stand_for() -> None:
    schema = record_schema(SCHEMA, PLAN)
    assert schema.history_node_sets == {
        "history/watched": NodeSet(
            {**{ID: Feature("int64")}, **SCHEMA.edge_sets["watched"].features, "topics": Feature("int64", True)},
            of_edge_set="watched",
            target="video",
        ),
        "history/joined": NodeSet(
            {ID: Feature("string"), TIME: Feature("int64"), "scenario": Feature("int64")}, "joined", "live"
        ),
        "history/follows": NodeSet(
            {ID: Feature("int64"), TIME: Feature("int64"), "tags": Feature("string", True), "age": Feature("float32")},
            "follows",
            "user",
        ),
    }
    assert "watched" not in schema.edge_sets
    assert not [name for name in schema.stored_node_sets if is_history(name)]
    assert GraphSchema.from_json(schema.to_json()) == schema


def test_manifests_without_histories_are_as_they_were() -> None:
    written = SCHEMA.to_json()
    assert written["node_sets"]["live"] == {"features": {ID: {"dtype": "string", "multi_valued": False}}}
    assert GraphSchema.from_json(written) == SCHEMA


def test_events_are_the_newest_that_the_request_may_see(store: GraphStore, world: World) -> None:
    requests = example_requests(world, "video", 120)
    batch = request_batch(store, requests)
    schema, histories = record_schema(SCHEMA, PLAN), sample_histories(store, batch, PLAN.history)
    lengths = {name: set() for name in histories}
    for name, history in schema.history_node_sets.items():
        events = histories[name]
        features = history_features(store, history, events.positions)
        assert features.keys() == history.features.keys()
        for number, request in enumerate(requests):
            mine = slice(events.splits[number], events.splits[number + 1])
            expected = oracle_history(world, request, history.of_edge_set, PLAN.history[history.of_edge_set])
            assert {feature: as_arrow(column)[mine].to_pylist() for feature, column in features.items()} == expected
            lengths[name].add(len(expected[ID]))
    assert lengths["history/watched"] >= {0, 7}, "empty and cut histories are among them"


def test_requests_without_a_user_have_no_events(store: GraphStore, world: World) -> None:
    batch = dataclasses.replace(request_batch(store, example_requests(world, "video", 3)), users=None)
    for events in sample_histories(store, batch, PLAN.history).values():
        assert len(events.positions) == 0
        assert events.splits.tolist() == [0, 0, 0, 0]


def test_times_of_events_are_before_their_requests(store: GraphStore, world: World) -> None:
    batch = request_batch(store, example_requests(world, "live", 200))
    events = sample_histories(store, batch, PLAN.history)["history/watched"]
    request_times = np.repeat(batch.times, np.diff(events.splits))
    assert (store.adjacency("watched").times(events.positions) + 5 < request_times).all()


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ({"wached": 3}, "sampling.history.wached: unknown edge set 'wached': did you mean 'watched'?"),
        ({"_readout/user": 3}, "sampling.history._readout/user: unknown edge set '_readout/user'"),
        ({"made_by": 3}, "sampling.history.made_by: 'made_by' leaves 'video', and a history is of the users, 'user'"),
        (
            {"watched": {"newest": 3, "features": ["topic"]}},
            "sampling.history.watched.features: 'video' has no feature 'topic': did you mean 'topics'?",
        ),
        (
            {"watched": {"newest": 3, "features": ["share"]}},
            "sampling.history.watched.features: 'share' is a feature of the edges, which events have anyway",
        ),
        ({"watched": {"newest": 3, "features": ["time"]}}, "features: 'time' would be taken for the edge's time"),
        ({"watched": {"newest": 3, "features": ["#id"]}}, "features: '#id' is in every event"),
        ({"watched": {"newest": 3, "features": ["length", "length"]}}, "features: 'length' is named twice"),
    ],
)
def test_histories_that_do_not_fit_are_named(history: dict, expected: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        record_schema(SCHEMA, SamplingConfig(hops=[{"watched": 2}], history=history))
    assert expected in str(error.value)


def test_untimed_edges_have_events_without_times_and_no_window(tmp_path: Path) -> None:
    edge_sets = {**SCHEMA.edge_sets, "owns": EdgeSet("user", "video", {})}
    schema = dataclasses.replace(SCHEMA, edge_sets=edge_sets)
    found = record_schema(schema, SamplingConfig(hops=[{}], history={"owns": 3})).history_node_sets
    assert found == {"history/owns": NodeSet({ID: Feature("int64")}, "owns", "video")}
    plan = SamplingConfig(hops=[{}], history={"owns": {"newest": 3, "window_seconds": 5}})
    with pytest.raises(ConfigurationError, match="window_seconds: the edges of 'owns' have no times"):
        record_schema(schema, plan)
