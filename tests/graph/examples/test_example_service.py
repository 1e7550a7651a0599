"""What a service is given is read by the rules of the job's tables; what does not fit is named."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import small_records
import tensorflow as tf
from hypothesis import given

from tfgrec.config.tables import Requests
from tfgrec.errors import GraphStoreError, InputDataError, SchemaError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.schema import READOUT, NodeSet
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.times import EARLIEST, LATEST

REQUESTS = {
    "user_node_set": "user",
    "sources": [
        {"table": "log", "user": "user_id", "item": "video_id", "item_node_set": "video"},
        {"table": "log", "user": "user_id", "item": "room_id", "item_node_set": "room"},
    ],
    "features": {
        "scenario": {"column": "scenario", "missing": "other"},
        "hour": {"time_part": "hour", "utc_offset_hours": 2},
    },
    "labels": {"click": "click", "watch_ms": "watch_ms"},
    "temporal_degrees": {"user_watched": {"of": "user", "edge_set": "watched"}},
}
GOOD: dict[str, Any] = {
    "user": 107,
    "time": 1_651_795_200_900,
    "items": [503, 501],
    "features": {"scenario": "feed"},
    "item_node_set": "video",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return small_records.write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def service(store: GraphStore) -> ExampleService:
    return ExampleService(store=store, sampling=small_records.SAMPLING, requests=Requests.model_validate(REQUESTS))


def readout(service: ExampleService, **request: Any) -> dict[str, list]:
    """The `_readout` features of a request's record."""
    example = tf.train.Example.FromString(service.example(**{**GOOD, **request}))
    prefix = f"nodes/{READOUT}."
    return {
        name.removeprefix(prefix): list(getattr(value, value.WhichOneof("kind")).value)
        for name, value in example.features.feature.items()
        if name.startswith(prefix)
    }


def test_candidates_keep_their_order_and_values(service: ExampleService) -> None:
    values = readout(service, features={"scenario": ["feed", "search"]}, labels={"click": [1, 0.5]})
    assert values["scenario"] == [b"feed", b"search"]
    assert values["hour"] == [2, 2]
    assert values["click"] == [1, 0.5]
    assert np.isnan(values["watch_ms"]).all()
    swapped = readout(service, items=[501, 503], features={"scenario": np.array(["search", "feed"])})
    assert swapped["scenario"] == [b"search", b"feed"]


@pytest.mark.parametrize("empty", [None, "", float("nan"), np.float32("nan")])
def test_missing_stands_for_an_empty_cell(service: ExampleService, empty: Any) -> None:
    assert readout(service, features={"scenario": [empty, "feed"]})["scenario"] == [b"other", b"feed"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"user": 7}, "request 0: user 7 is not in the graph"),
        ({"user": "107"}, "request 0: user: expected an id of int64, received '107'"),
        ({"items": [503, 77]}, "request 0: video 77 is not in the graph"),
        ({"items": []}, "request 0: has no candidate items"),
        ({"item_node_set": "room"}, "request 0: room: expected an id of string, received 503"),
        ({"item_node_set": "vidoe"}, "item_node_set 'vidoe' is unknown: did you mean 'video'?"),
        ({"item_node_set": None}, "item_node_set is missing: known: room, video"),
        ({"time": 9.5}, "request 0: time: expected milliseconds since 1970, received 9.5"),
        (
            {"time": 10**30},
            "request 0: time: expected milliseconds since 1970, between 1971 and 2200, received 10000000",
        ),
        ({"user": 10**30}, "request 0: user: expected an id of int64, received 10000000"),
        ({"items": [np.uint64(2**64 - 1)]}, "request 0: video: expected an id of int64, received 184467"),
        ({"items": 503}, "request 0: items: expected a list of ids, received 503"),
        ({"items": "503"}, "request 0: items: expected a list of ids, received '503'"),
        ({"features": {}}, "request 0: features are missing: scenario"),
        ({"features": {"scenaro": "a"}}, "request 0: unknown feature 'scenaro': did you mean 'scenario'?"),
        ({"features": {"scenario": "a", "hour": 2}}, "feature 'hour' is read off the request's time"),
        ({"features": {"scenario": "a", "user_watched": 2}}, "feature 'user_watched' is counted in the graph"),
        ({"features": {"scenario": ["a"]}}, "request 0: 'scenario': 1 values for 2 candidates"),
        ({"features": {"scenario": ["a", 3]}}, "request 0: 'scenario': expected string, received 3"),
        ({"labels": {"clik": 1}}, "request 0: unknown label 'clik': did you mean 'click'?"),
        ({"labels": {"click": "yes"}}, "request 0: 'click': expected float32, received 'yes'"),
        ({"labels": {"click": [0, float("inf")]}}, "request 0: 'click': expected a finite number, received inf"),
    ],
)
def test_what_does_not_fit_is_named(service: ExampleService, changes: dict, complaint: str) -> None:
    with pytest.raises(InputDataError) as raised:
        service.example(**{**GOOD, **changes})
    assert complaint in str(raised.value)


@given(st.integers(-(2**62), 2**62))
def test_a_time_in_another_unit_is_refused_and_any_other_is_not(service: ExampleService, time: int) -> None:
    request = OnlineRequest(**{**GOOD, "time": time})
    if EARLIEST <= time < LATEST:
        assert len(service.examples([request])) == 1
        return
    for ask in (service.examples, service.query_examples):
        with pytest.raises(InputDataError, match=f"^request 0: time: expected milliseconds .* received {time}"):
            ask([request])


@pytest.mark.parametrize(
    ("time", "unit"),
    [(1_704_067_200, "seconds"), (1_704_067_200_000_000, "microseconds"), (1_704_067_200_000_000_000, "nanoseconds")],
)
def test_the_unit_of_a_time_is_guessed(service: ExampleService, time: int, unit: str) -> None:
    assert len(service.examples([OnlineRequest(**{**GOOD, "time": 1_704_067_200_000})])) == 1
    with pytest.raises(InputDataError, match=f"received {time}: these look like {unit}$"):
        service.example(**{**GOOD, "time": time})


def test_the_request_of_a_batch_is_named(service: ExampleService) -> None:
    good = OnlineRequest(**GOOD)
    room = dataclasses.replace(good, item_node_set="room", items=["room-1"])
    with pytest.raises(InputDataError, match="request 2: user 3 is not in the graph"):
        service.examples([good, room, dataclasses.replace(good, user=3)])


@pytest.fixture(scope="module")
def typed_service(store: GraphStore) -> ExampleService:
    """A service whose requests have a feature of every type."""
    features = {
        "whole": small_records.INT,
        "number": small_records.FLOAT,
        "several": small_records.STRINGS,
        "click": small_records.FLOAT,
    }
    node_sets = {**store.schema.node_sets, READOUT: NodeSet(features)}
    typed = copy.copy(store)
    typed.schema = dataclasses.replace(store.schema, node_sets=node_sets)
    requests = {
        **REQUESTS,
        "features": {"whole": "w", "number": {"column": "n", "missing": -1}, "several": "s"},
        "labels": {"click": "click"},
        "temporal_degrees": {},
    }
    return ExampleService(store=typed, sampling=small_records.SAMPLING, requests=Requests.model_validate(requests))


class TestTypes:
    @pytest.mark.parametrize(
        ("name", "value", "written"),
        [
            ("whole", 3, [3, 3]),
            ("whole", [2.0, True], [2, 1]),
            ("whole", np.array([-1, 2**40]), [-1, 2**40]),
            ("number", [1, None], [1.0, -1.0]),
            ("number", [float("nan"), np.float32("nan")], [-1.0, -1.0]),
            ("number", np.array([np.nan, 2.0]), [-1.0, 2.0]),
            ("number", np.float32(0.1), [np.float32(0.1)] * 2),
            ("several", ["a", "b"], [b"a", b"b"] * 2),
            ("several", [["a", "", "b"], []], [b"a", b"b"]),
            ("several", [], []),
        ],
    )
    def test_are_read(self, typed_service: ExampleService, name: str, value: Any, written: list) -> None:
        features = {"whole": 0, "number": 0, "several": [], name: value}
        found = readout(typed_service, features=features)
        assert found[name] == written
        if name == "several":
            assert sum(found["several.d1"]) == len(written) and len(found["several.d1"]) == 2

    @pytest.mark.parametrize(
        ("name", "value", "complaint"),
        [
            ("whole", 1.5, "expected int64, received 1.5"),
            ("whole", 2**63, "expected int64, received 9223372036854775808"),
            ("whole", "3", "expected int64, received '3'"),
            ("whole", float("nan"), "is empty, and tables.yaml has no `missing` to stand for it, received nan"),
            ("number", float("inf"), "expected a finite number, received inf"),
            ("number", 1e39, "expected a finite number, received 1e+39"),
            ("whole", None, "is empty, and tables.yaml has no `missing` to stand for it, received None"),
            ("several", "a|b", "expected a list of string, received 'a|b'"),
            ("several", [["a"], [2]], "expected string, received [2]"),
        ],
    )
    def test_others_are_refused(self, typed_service: ExampleService, name: str, value: Any, complaint: str) -> None:
        with pytest.raises(InputDataError) as raised:
            readout(typed_service, features={"whole": 0, "number": 0, "several": [], name: value})
        assert f"request 0: '{name}': {complaint}" in str(raised.value)


def resident_kilobytes(folder: Path) -> tuple[int, int]:
    """Of the files below a folder that this process maps: how much of them, and how much lies in its memory."""
    mapped, resident, counts = 0, 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *values = line.split()
        if not name.endswith(":"):
            counts = str(folder) in line
        elif counts and name == "Size:":
            mapped += int(values[0])
        elif counts and name == "Rss:":
            resident += int(values[0])
    return mapped, resident


def test_opening_maps_the_store_and_does_not_read_it(tmp_path: Path) -> None:
    small_records.write_store(tmp_path, watched=1_000_000)
    service = ExampleService.open(tmp_path, sampling=small_records.SAMPLING, requests=Requests.model_validate(REQUESTS))
    mapped, resident = resident_kilobytes(tmp_path)
    assert mapped > 30_000 and resident < mapped / 20
    assert service.example(**GOOD)


def test_a_store_of_other_features_is_refused(store: GraphStore) -> None:
    requests = Requests.model_validate({**REQUESTS, "labels": {"click": "click"}})
    with pytest.raises(SchemaError, match=r"differ in features of '_readout': \['watch_ms'\]"):
        ExampleService(store=store, sampling=small_records.SAMPLING, requests=requests)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(GraphStoreError, match="there is no graph store"):
        ExampleService.open(
            tmp_path / "graph", sampling=small_records.SAMPLING, requests=Requests.model_validate(REQUESTS)
        )


def test_queries_have_the_user_s_side_of_a_request_and_no_item(service: ExampleService) -> None:
    (example,) = service.query_examples([OnlineRequest(**{**GOOD, "items": []})])
    whole, query = (
        tf.train.Example.FromString(record).features.feature for record in (service.example(**GOOD), example)
    )
    assert query["edges/_readout/item/video.#size"].int64_list.value[:] == [0]
    assert query[f"nodes/{READOUT}.#size"].int64_list.value[:] == [1]
    for name in ("scenario", "hour", "user_watched"):
        name = f"nodes/{READOUT}.{name}"
        kind = whole[name].WhichOneof("kind")
        assert getattr(query[name], kind).value[:] == getattr(whole[name], kind).value[:1]
    assert query["nodes/user.#id"].int64_list.value[0] == GOOD["user"]
    with pytest.raises(InputDataError, match="request 1: user 3 is not in the graph"):
        service.query_examples([OnlineRequest(**GOOD), OnlineRequest(**{**GOOD, "user": 3})])
