"""Degrees of what candidates lead to (their author's videos, their viewers) against a walk from each candidate."""

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
from tfgrec.graph.degrees import key_edges
from tfgrec.graph.degrees.mapped_edges import map_edges
from tfgrec.graph.degrees.temporal_degrees import temporal_degrees
from tfgrec.graph.store import edge_sums, graph_store

# To the candidate's authors and from them to all their videos; to its viewers, whose edges have times of their own.
AUTHORS_VIDEOS = {"video": ["made_by", "made"], "live": ["hosted_by", "made"]}
VIEWERS = {"video": "watched_by", "live": "joined_by"}
VIEWERS_VIDEOS = {"video": ["watched_by", "watched"], "live": ["joined_by", "watched"]}


def degree(edge_set: str, through: object, **options: object) -> TemporalDegree:
    return TemporalDegree(of="item", edge_set=edge_set, through=through, **options)


MEAN = {"measure": "mean", "feature": "share"}
SUM = {"measure": "sum", "feature": "share"}
NO_FEATURE = {"feature": "shares"}
SINCE = {"measure": "seconds_since_last"}
DEFINITIONS = {
    "author_seen": degree("watched_by", AUTHORS_VIDEOS),
    "author_seen_lately": degree("watched_by", AUTHORS_VIDEOS, window_seconds=0.002),
    "author_share": degree("watched_by", AUTHORS_VIDEOS, **SUM),
    "author_mean_share": degree("watched_by", AUTHORS_VIDEOS, **MEAN, missing=9),
    "author_mean_share_lately": degree("watched_by", AUTHORS_VIDEOS, **MEAN, window_seconds=0.003),
    "author_since_seen": degree("watched_by", AUTHORS_VIDEOS, **SINCE),
    "author_videos": degree("made", {"video": "made_by", "live": "hosted_by"}),
    "viewers_watched": degree("watched", VIEWERS),
    "viewers_mean_share": degree("watched", VIEWERS, **MEAN),
    "viewers_since_lately": degree("watched", VIEWERS, **SINCE, window_seconds=0.002),
    "viewers_seen": degree("watched_by", VIEWERS_VIDEOS),
    **{
        f"{measure}_{how}": degree("watched_by", VIEWERS_VIDEOS, **options, over_keys=how)
        for measure, options in {"count": {}, "share": SUM, "mean_share": MEAN, "since": SINCE}.items()
        for how in ("sum", "mean", "best", "worst")
        if how != "sum" or measure in ("count", "share")
    },
    "viewers_best_lately": degree("joined", VIEWERS, over_keys="best", window_seconds=0.003),
}


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), st.sampled_from(["video", "live"]), st.integers(1, 3), st.sampled_from([1, 3, 1000]), st.data())
def test_counts_what_the_oracle_counts(
    world: World, item_node_set: str, shards: int, chunk: int, data: st.DataObject
) -> None:
    requests = data.draw(requests_of(world, item_node_set))
    small = mock.patch.object(key_edges, "CHUNK", chunk), mock.patch.object(edge_sums, "BLOCK", 2)
    with tempfile.TemporaryDirectory() as folder, small[0], small[1]:
        assert_degrees(world, requests, DEFINITIONS, folder, shards)


@pytest.mark.parametrize("item_node_set", ["video", "live"])
def test_counts_of_a_batch_of_middling_size(item_node_set: str, tmp_path: Path) -> None:
    world = example_world()
    assert_degrees(world, example_requests(world, item_node_set, 40), DEFINITIONS, tmp_path, 3)


def test_what_all_videos_of_an_author_got(tmp_path: Path) -> None:
    world = example_world()
    # Authors 0 (videos 1 and 2, one of them twice) and 1 (video 2 alone); nobody made video 5.
    world.edges["made_by"] = [Edge(1, "author 0"), Edge(2, "author 0"), Edge(2, "author 1"), Edge(2, "author 0")]
    world.edges["made"] = [Edge(edge.target, edge.source) for edge in world.edges["made_by"]]
    seen = ((1, 10, 4.0), (1, 20, 1.0), (2, 30, 2.0), (5, 40, 3.0), (2, 995, 9.0))
    world.edges["watched_by"] = [Edge(video, 0, time, ("tv", share)) for video, time, share in seen]
    store = write_world(world, tmp_path, 2)
    batch = request_batch(store, [Request(0, 1000, "video", (1, 2, 5)), Request(0, 26, "video", (2,))])
    path = ["made_by", "made"]
    definitions = {
        "count": degree("watched_by", path),
        "best": degree("watched_by", path, over_keys="best"),
        "worst": degree("watched_by", path, over_keys="worst"),
        "mean": degree("watched_by", path, **MEAN),
        "worst_mean": degree("watched_by", path, **MEAN, over_keys="worst"),
        "since": degree("watched_by", path, **SINCE),
    }
    degrees = temporal_degrees(store, batch, definitions)
    # The edges' feedback delay is 5 ms: the request at 1000 does not see the edge at 995.
    assert degrees["count"].tolist() == [3, 4, 0, 2]
    assert degrees["best"].tolist() == [3, 3, 0, 2]
    assert degrees["worst"].tolist() == [3, 1, 0, 0]
    np.testing.assert_allclose(degrees["mean"], [7 / 3, 9 / 4, -1, 2.5], rtol=1e-6)
    np.testing.assert_allclose(degrees["worst_mean"], [7 / 3, 2, -1, 2.5], rtol=1e-6)
    np.testing.assert_allclose(degrees["since"], [0.97, 0.97, -1, 0.006], rtol=1e-6)


def test_keys_of_several_degrees_are_looked_up_once(tmp_path: Path) -> None:
    world = example_world()
    store = write_world(world, tmp_path, 2)
    batch = request_batch(store, example_requests(world, "video", 5))
    definitions = {
        "count": degree("watched_by", AUTHORS_VIDEOS),
        "mean": degree("watched_by", AUTHORS_VIDEOS, **MEAN),
        "best": degree("made_by", AUTHORS_VIDEOS, over_keys="best"),
    }
    with mock.patch.object(store, "visible_rows", wraps=store.visible_rows) as searches:
        temporal_degrees(store, batch, definitions)
    names = [call.args[0] for call in searches.call_args_list]
    assert names == ["made_by", "made", "watched_by", "made_by"]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (degree("watched_by", "made_bi"), "through: unknown edge set 'made_bi': did you mean 'made_by'?"),
        (degree("watched_by", {"live": "hosted_by"}), "through: names no edge set for node set 'video'"),
        (degree("watched_by", "hosted_by"), "through: 'hosted_by' does not leave node set 'video' but 'live'"),
        (degree("made_by", ["made_by", "watched"]), "'watched' does not leave node set 'author' but 'user'"),
        (
            degree("watched_by", "made_by"),
            "through: leads to 'author', but 'watched_by' leaves 'video': did you mean through: [made_by, made]?",
        ),
        (degree("follows", "made_by"), "through: leads to 'author', but 'follows' leaves 'user'"),
        (degree("made", "made_by", window_seconds=1), "the edges of 'made' have no times"),
        (degree("watched", VIEWERS, measure="sum", feature="shares"), "'shares' is no scalar number of 'watched'"),
    ],
)
def test_definitions_that_cannot_work_are_named(definition: TemporalDegree, expected: str, tmp_path: Path) -> None:
    world = example_world()
    store = write_world(world, tmp_path, 1)
    with pytest.raises(ConfigurationError, match="temporal degree 'of_author'") as error:
        temporal_degrees(store, request_batch(store, example_requests(world, "video", 2)), {"of_author": definition})
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"of": "user"}, "through goes with of: item"),
        ({"shared_with_item": {"edge_feature": "a", "request_feature": "a"}}, "without shared_with_item"),
        ({"measure": "last_value", "feature": "share"}, "over_keys and through go with count"),
        ({**SINCE, "nth_last": 2}, "without nth_last"),
        ({"through": ["made_by", "made", "watched_by"]}, "at most 2 items"),
        ({"through": 3}, "valid list"),
    ],
)
def test_paths_that_go_with_nothing_are_refused(options: dict, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected) as error:
        TemporalDegree(**{"of": "item", "edge_set": "watched_by", "through": ["made_by", "made"], **options})
    assert error.value.error_count() == 1


def test_edges_are_mapped_before_they_are_asked_for(tmp_path: Path) -> None:
    world = example_world()
    store = write_world(world, tmp_path, 1)
    author = TemporalDegree(of="user", edge_set={"video": "joined"}, shared_with_item={"edge_set": "hosted_by"})
    unknown = degree("watched_bi", "made_bi", **MEAN)
    map_edges(store, [*DEFINITIONS.values(), author, unknown, degree("watched_by", AUTHORS_VIDEOS, **SUM | NO_FEATURE)])
    asked = {"made", "made_by", "hosted_by", "watched", "watched_by", "joined_by", "joined"}
    with mock.patch.object(graph_store, "open_adjacency", side_effect=AssertionError):
        for name in asked:
            store.adjacency(name)
    with mock.patch.object(graph_store, "EdgeSums", side_effect=AssertionError):
        store.edge_sums("watched_by", "share")
