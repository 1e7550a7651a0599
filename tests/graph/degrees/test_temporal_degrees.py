"""Temporal degrees against counting edge by edge."""

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

from tfgrec.config.tables import Requests
from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.errors import ConfigurationError
from tfgrec.graph.degrees.temporal_degrees import temporal_degrees
from tfgrec.graph.store import edge_sums

BY_ITEMS = {"video": "watched_by", "live": "joined_by"}
DEFINITIONS = {
    "user_watched": TemporalDegree(of="user", edge_set="watched"),
    "user_watched_lately": TemporalDegree(of="user", edge_set="watched", window_seconds=0.002),
    "user_since_watched": TemporalDegree(of="user", edge_set="watched", measure="seconds_since_last"),
    "user_since_followed_lately": TemporalDegree(
        of="user", edge_set="follows", measure="seconds_since_last", window_seconds=0.003
    ),
    "item_seen": TemporalDegree(of="item", edge_set=BY_ITEMS),
    "item_seen_lately": TemporalDegree(of="item", edge_set=BY_ITEMS, window_seconds=0.001),
    "item_since_seen": TemporalDegree(of="item", edge_set=BY_ITEMS, measure="seconds_since_last"),
    "user_before_last": TemporalDegree(of="user", edge_set="watched", measure="seconds_since_last", nth_last=2),
    "user_last_share": TemporalDegree(of="user", edge_set="watched", measure="last_value", feature="share"),
    "user_third_share_lately": TemporalDegree(
        of="user", edge_set="watched", measure="last_value", feature="share", nth_last=3, window_seconds=0.003
    ),
    "user_last_scenario": TemporalDegree(of="user", edge_set="joined", measure="last_value", feature="scenario"),
    "user_share": TemporalDegree(of="user", edge_set="watched", measure="sum", feature="share"),
    "user_share_lately": TemporalDegree(
        of="user", edge_set="watched", measure="sum", feature="share", window_seconds=0.002
    ),
    "user_mean_share": TemporalDegree(of="user", edge_set="watched", measure="mean", feature="share"),
    "user_mean_scenario_lately": TemporalDegree(
        of="user", edge_set="joined", measure="mean", feature="scenario", window_seconds=0.003, missing=7.5
    ),
    "item_authors": TemporalDegree(of="item", edge_set={"video": "made_by", "live": "hosted_by"}),
}
OF_ITEMS = {
    "video": {
        "item_share": TemporalDegree(of="item", edge_set="watched_by", measure="sum", feature="share"),
        "item_mean_share_lately": TemporalDegree(
            of="item", edge_set="watched_by", measure="mean", feature="share", window_seconds=0.002, missing=-3
        ),
    },
    "live": {"item_mean_scenario": TemporalDegree(of="item", edge_set="joined_by", measure="mean", feature="scenario")},
}


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), st.sampled_from(["video", "live"]), st.sampled_from([1, 2, 256]), st.data())
def test_counts_what_the_oracle_counts(world: World, item_node_set: str, block: int, data: st.DataObject) -> None:
    requests = data.draw(requests_of(world, item_node_set))
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(edge_sums, "BLOCK", block):
        assert_degrees(world, requests, DEFINITIONS | OF_ITEMS[item_node_set], folder, 2)


def test_long_rows(tmp_path: Path) -> None:
    world = example_world()
    random = np.random.default_rng(0)
    times, shares = random.integers(0, 500, 700), random.integers(-20, 20, 700) / 4
    world.edges["watched"] = [
        Edge(0, 1, int(time), ("tv", float(share))) for time, share in zip(times, shares, strict=True)
    ]
    requests = [Request(0, time, "video", (1, 1)) for time in range(0, 520, 40)]
    assert_degrees(world, [*requests, *example_requests(world, "video", 12)], DEFINITIONS, tmp_path, 1)


def test_a_window_reaches_back_to_its_very_edge(tmp_path: Path) -> None:
    world = example_world()
    world.edges["watched"] = [Edge(0, 1, time, ("tv", 0.5)) for time in (100, 200, 300)]
    store = write_world(world, tmp_path, 1)
    batch = request_batch(store, [Request(0, time, "video", (1,)) for time in (1200, 1201, 305, 306, 100, 105, 106)])
    count = TemporalDegree(of="user", edge_set="watched", window_seconds=1)
    since = TemporalDegree(of="user", edge_set="watched", measure="seconds_since_last")
    degrees = temporal_degrees(store, batch, {"count": count, "since": since})
    # The edge set's feedback delay is 5 ms: an edge at 300 is seen from 306 on.
    assert degrees["count"].tolist() == [2, 1, 2, 3, 0, 0, 1]
    np.testing.assert_allclose(degrees["since"], [0.9, 0.901, 0.105, 0.006, -1, -1, 0.006], rtol=1e-6)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (TemporalDegree(of="item", edge_set="made_by", window_seconds=5), "the edges of 'made_by' have no times"),
        (TemporalDegree(of="item", edge_set={"live": "joined_by"}), "names none for node set 'video'"),
        (
            TemporalDegree(of="user", edge_set="watched", measure="last_value", feature="device"),
            "'device' is no scalar number of 'watched'",
        ),
        (
            TemporalDegree(of="user", edge_set="watched", measure="mean", feature="shares"),
            "'shares' is no scalar number of 'watched': did you mean 'share'?",
        ),
    ],
)
def test_definitions_that_cannot_work_are_named(definition: TemporalDegree, expected: str, tmp_path: Path) -> None:
    world = example_world()
    store = write_world(world, tmp_path, 1)
    with pytest.raises(ConfigurationError, match="temporal degree 'recent'") as error:
        temporal_degrees(store, request_batch(store, example_requests(world, "video", 2)), {"recent": definition})
    assert expected in str(error.value)


def test_a_list_of_places_stands_for_a_degree_each() -> None:
    definition = {"of": "user", "edge_set": "watched", "measure": "last_value", "feature": "share", "nth_last": [1, 3]}
    requests = Requests(
        user_node_set="user",
        sources=[{"table": "views", "user": "user", "item": "video", "item_node_set": "video"}],
        labels={"click": "click"},
        temporal_degrees={"user_share": definition},
    )
    assert requests.temporal_degrees == {
        f"user_share_{place}": TemporalDegree(**{**definition, "nth_last": place}) for place in (1, 3)
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"measure": "last_value"}, "need the name of an edge `feature`"),
        ({"feature": "share"}, "no other measure reads one"),
        ({"nth_last": 2}, "nth_last goes with"),
        ({"measure": "mean"}, "need the name of an edge `feature`"),
        ({"measure": "mean", "feature": "share", "nth_last": 2}, "nth_last goes with"),
        ({"measure": "sum", "feature": "share", "missing": 0}, "missing goes with measure: mean"),
        ({"measure": "mean", "feature": "share", "missing": float("nan")}, "finite number"),
        ({"measure": "seconds_since_last", "nth_last": 2, "shared_with_item": "item"}, "without shared_with_item"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        TemporalDegree(of="user", edge_set="watched", **options)
