"""Degrees of edges that go with the candidate against looking at each edge, and at each neighbour of its ends."""

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from graph_oracle import assert_degrees
from graph_strategies import requests_of, worlds
from graph_world import Edge, Request, World, example_requests, example_world, request_batch, write_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.errors import ConfigurationError
from tfgrec.graph.degrees import shared_edges
from tfgrec.graph.degrees.temporal_degrees import temporal_degrees

DOMAINS = {"video": "watched", "live": "joined"}
AUTHORS = {"edge_set": {"video": "made_by", "live": "hosted_by"}}
# Edges with times of their own, many a node: who saw the one also saw the other.
AUDIENCE = {"edge_set": {"video": "watched_by", "live": "joined_by"}}
DEVICE = {"edge_feature": "device", "request_feature": "device"}
SCENARIO = {"edge_feature": "scenario", "request_feature": "scenario"}


def degree(edge_set: str | dict[str, str], shared: str | dict, **options: object) -> TemporalDegree:
    return TemporalDegree(of="user", edge_set=edge_set, shared_with_item=shared, **options)


def over_keys(how: str, **options: object) -> TemporalDegree:
    """One of the viewers whom a candidate shares with what the user watched: keys with times, several a candidate."""
    return degree("watched", AUDIENCE, over_keys=how, **options)


MEAN_SHARE = {"measure": "mean", "feature": "share"}
SINCE = {"measure": "seconds_since_last"}
OVER_KEYS = {
    **{f"count_{how}": over_keys(how) for how in ("sum", "mean", "best", "worst")},
    **{f"share_{how}": over_keys(how, measure="sum", feature="share") for how in ("sum", "mean", "best", "worst")},
    **{f"mean_share_{how}": over_keys(how, **MEAN_SHARE) for how in ("mean", "best", "worst")},
    **{f"since_{how}": over_keys(how, **SINCE) for how in ("mean", "best", "worst")},
    "lately_best": over_keys("best", window_seconds=0.002),
    "lately_mean_share_worst": over_keys("worst", **MEAN_SHARE, window_seconds=0.003, missing=-7),
    "since_lately_worst": over_keys("worst", **SINCE, window_seconds=0.002),
    "author_mean": degree("watched", AUTHORS, over_keys="mean"),
    "author_scenario_best": degree("joined", AUTHORS, over_keys="best", measure="mean", feature="scenario"),
}
DEFINITIONS = {
    "item": degree(DOMAINS, "item"),
    "item_lately": degree(DOMAINS, "item", window_seconds=0.002),
    "item_since": degree(DOMAINS, "item", measure="seconds_since_last"),
    "author": degree(DOMAINS, AUTHORS),
    "author_of_other_domain": degree("watched", AUTHORS),
    "author_lately": degree("watched", AUTHORS, window_seconds=0.003),
    "author_since_lately": degree("watched", AUTHORS, window_seconds=0.001, measure="seconds_since_last"),
    "audience": degree("watched", AUDIENCE),
    "audience_since": degree("joined", AUDIENCE, measure="seconds_since_last"),
    "author_share": degree("watched", AUTHORS, measure="sum", feature="share"),
    "author_mean_share_lately": degree(
        "watched", AUTHORS, measure="mean", feature="share", window_seconds=0.003, missing=9
    ),
    "audience_mean_scenario": degree("joined", AUDIENCE, measure="mean", feature="scenario"),
    "device": degree("watched", DEVICE),
    "device_mean_share": degree("watched", DEVICE, measure="mean", feature="share"),
    "device_lately": degree("watched", DEVICE, window_seconds=0.002),
    "scenario_since": degree("joined", SCENARIO, measure="seconds_since_last"),
}


def of_item(edge_set: str, shared: dict, **options: object) -> TemporalDegree:
    return TemporalDegree(of="item", edge_set=edge_set, shared_with_item=shared, **options)


OF_ITEMS = {
    "video": {
        "item_device": of_item("watched_by", DEVICE),
        "item_device_lately": of_item("watched_by", DEVICE, window_seconds=0.002),
    },
    "live": {
        "item_scenario": of_item("joined_by", SCENARIO),
        "item_scenario_since": of_item("joined_by", SCENARIO, measure="seconds_since_last"),
    },
}


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), st.sampled_from(["video", "live"]), st.integers(1, 3), st.sampled_from([1, 3, 1000]), st.data())
def test_counts_what_the_oracle_counts(
    world: World, item_node_set: str, shards: int, chunk: int, data: st.DataObject
) -> None:
    requests = data.draw(requests_of(world, item_node_set))
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(shared_edges, "CHUNK", chunk):
        assert_degrees(world, requests, DEFINITIONS | OVER_KEYS | OF_ITEMS[item_node_set], folder, shards)


@pytest.mark.parametrize("item_node_set", ["video", "live"])
def test_counts_of_a_batch_of_middling_size(item_node_set: str, tmp_path: Path) -> None:
    world, definitions = example_world(), DEFINITIONS | OVER_KEYS | OF_ITEMS[item_node_set]
    assert_degrees(world, example_requests(world, item_node_set, 60), definitions, tmp_path, 3)


def test_an_edge_that_shares_several_neighbours_counts_once(tmp_path: Path) -> None:
    world = example_world()
    world.edges["made_by"] = [Edge(video, f"author {number}") for video in (1, 2, 3) for number in range(3)]
    world.edges["made_by"] += [Edge(1, "author 0"), Edge(1, "author 0"), Edge(4, "author 4")]
    world.edges["watched"] = [Edge(0, video, 10 * video, ("tv", 0.5)) for video in (1, 1, 2, 4, 5)]
    store = write_world(world, tmp_path, 2)
    batch = request_batch(store, [Request(0, 1000, "video", (3, 1, 4, 5)), Request(0, 16, "video", (2,))])
    by_author = {"edge_set": "made_by"}
    definitions = {
        "count": degree("watched", by_author),
        "since": degree("watched", by_author, measure="seconds_since_last"),
    }
    degrees = temporal_degrees(store, batch, definitions)
    assert degrees["count"].tolist() == [3, 3, 1, 0, 2]
    # The edges' feedback delay is 5 ms: the request at 16 sees those at 10.
    np.testing.assert_allclose(degrees["since"], [0.98, 0.98, 0.96, -1, 0.006], rtol=1e-6)


def test_degrees_of_the_same_edges_search_for_them_once(tmp_path: Path) -> None:
    world = example_world()
    store = write_world(world, tmp_path, 2)
    batch = request_batch(store, example_requests(world, "video", 5))
    definitions = {
        "count": TemporalDegree(of="user", edge_set="watched"),
        "since": TemporalDegree(of="user", edge_set="watched", measure="seconds_since_last"),
        "item": degree("watched", "item"),
        "device": degree("watched", DEVICE),
        "item_device": of_item("watched_by", DEVICE),
        "item_count": TemporalDegree(of="item", edge_set="watched_by"),
    }
    with mock.patch.object(store, "visible_rows", wraps=store.visible_rows) as searches:
        temporal_degrees(store, batch, definitions)
    assert [call.args[0] for call in searches.call_args_list] == ["watched", "watched_by"]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (degree("joined", "item"), "'joined' leads to 'live', but the candidates are of 'video'"),
        (degree("joined", {"edge_set": {"video": "made_by"}}), "names no edge set for node set 'live'"),
        (degree("watched", {"edge_set": "made_bi"}), "unknown edge set 'made_bi': did you mean 'made_by'?"),
        (degree("watched", {"edge_set": "made"}), "'made' does not leave node set 'video' but 'author'"),
        (
            degree("joined", {"edge_set": {"video": "made_by", "live": "joined_by"}}),
            "nothing can be shared between node sets author, user",
        ),
        (
            degree("watched", {"edge_feature": "devise", "request_feature": "device"}),
            "shared_with_item.edge_feature: 'devise' is no scalar integer or string of 'watched': "
            "did you mean 'device'?",
        ),
        (
            degree("watched", {"edge_feature": "device", "request_feature": "click"}),
            "shared_with_item.request_feature: 'click' is no scalar integer or string of '_readout'",
        ),
        (
            degree("watched", {"edge_feature": "device", "request_feature": "scenario"}),
            "'device' of 'watched' is string, but 'scenario' of '_readout' is int64",
        ),
        (
            degree({"video": "made_by"}, "item", window_seconds=1),
            "the edges of 'made_by' have no times",
        ),
    ],
)
def test_definitions_that_cannot_work_are_named(definition: TemporalDegree, expected: str, tmp_path: Path) -> None:
    world = example_world()
    store = write_world(world, tmp_path, 1)
    with pytest.raises(ConfigurationError, match="temporal degree 'together'") as error:
        temporal_degrees(store, request_batch(store, example_requests(world, "video", 2)), {"together": definition})
    assert expected in str(error.value)


def test_items_share_nothing_with_themselves() -> None:
    with pytest.raises(ValidationError, match="with of: item, shared_with_item can only be"):
        TemporalDegree(of="item", edge_set="watched_by", shared_with_item="item")


def test_keys_are_told_apart(tmp_path: Path) -> None:
    world = example_world()
    # Video 3 has authors 0 and 1, and 2, of whom the user saw nothing; a second edge to an author is no second author.
    world.edges["made_by"] = [Edge(3, f"author {number}") for number in (0, 1, 2, 0)]
    world.edges["made_by"] += [Edge(1, "author 0"), Edge(1, "author 1"), Edge(2, "author 1"), Edge(2, "author 1")]
    world.edges["watched"] = [Edge(0, 1, 10, ("tv", 4.0)), Edge(0, 2, 20, ("tv", 1.0)), Edge(0, 2, 30, ("tv", 1.0))]
    store = write_world(world, tmp_path, 2)
    batch = request_batch(store, [Request(0, 1000, "video", (3, 5))])
    by_author = {"edge_set": "made_by"}
    hows = ("sum", "mean", "best", "worst")
    definitions = {f"count_{how}": degree("watched", by_author, over_keys=how) for how in hows}
    definitions |= {f"mean_{how}": degree("watched", by_author, over_keys=how, **MEAN_SHARE) for how in hows[1:]}
    definitions |= {f"since_{how}": degree("watched", by_author, over_keys=how, **SINCE) for how in hows[1:]}
    degrees = {name: values.tolist() for name, values in temporal_degrees(store, batch, definitions).items()}
    assert [degrees[f"count_{how}"] for how in hows] == [[4, 0], [np.float32(4 / 3), 0], [3, 0], [0, 0]]
    assert [degrees[f"mean_{how}"] for how in hows[1:]] == [[3, -1], [4, -1], [2, -1]]
    assert [degrees[f"since_{how}"] for how in hows[1:]] == [
        [pytest.approx(0.98), -1],
        [pytest.approx(0.97), -1],
        [pytest.approx(0.99), -1],
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"shared_with_item": "item"}, "over_keys goes with shared_with_item"),
        (
            {"measure": "last_value", "feature": "share", "shared_with_item": AUTHORS},
            "over_keys and through go with",
        ),
        ({"shared_with_item": AUTHORS, "over_keys": "sum", **MEAN_SHARE}, "for others take best, worst or mean"),
    ],
)
def test_keys_that_can_not_be_put_together_are_refused(options: dict, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        TemporalDegree(of="user", edge_set="watched", **{"over_keys": "best", **options})
