"""The feature service over HTTP, on a real graph store and with a model that remembers what it was asked."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import small_records
import tensorflow as tf
from model_server_stand_in import http_server
from prometheus_client.parser import text_string_to_metric_families

from tfgrec.config import TablesConfig
from tfgrec.errors import InputDataError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.serving.clients.client import Inputs, ModelClient, ModelServerError
from tfgrec.serving.feature_service.service import MOST_BODY_BYTES, FeatureService
from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics
from tfgrec.serving.signatures.names import EXAMPLES

TABLES = TablesConfig.model_validate(
    {
        "tables": {
            "users": {"path": "users.csv"},
            "videos": {"path": "videos.csv"},
            "rooms": {"path": "rooms.csv"},
            "views": {"path": "views.csv", "time": {"column": "time", "unit": "milliseconds"}},
            "visits": {"path": "visits.csv", "time": {"column": "time", "unit": "milliseconds"}},
        },
        "node_sets": {
            "user": {"table": "users", "id": "user_id", "features": {"age_group": "age_group", "activity": "activity"}},
            "video": {"table": "videos", "id": "video_id", "features": {"duration": "duration", "tags": "tags"}},
            "room": {"table": "rooms", "id": "room_id", "features": {"topic": "topic"}},
        },
        "edge_sets": {
            "watched": {"sources": [{"table": "views", "source": "user_id", "target": "video_id"}]},
            "watched_by": {"reverse_of": "watched"},
            "visited": {"sources": [{"table": "visits", "source": "user_id", "target": "room_id"}]},
            "visited_by": {"reverse_of": "visited"},
        },
        "requests": {
            **small_records.TABLES["requests"],
            "sources": [
                {"table": "views", "user": "user_id", "item": "video_id", "item_node_set": "video"},
                {"table": "visits", "user": "user_id", "item": "room_id", "item_node_set": "room"},
            ],
        },
    }
)
TIME = 1_651_795_200_900
GOOD: dict[str, Any] = {
    "user": 107,
    "time": TIME,
    "item_node_set": "video",
    "items": [503, 501, 502],
    "features": {"scenario": "feed", "hour": [21, 22, 23]},
}
CLICKS = np.array([0.25, 0.75, 0.5], np.float32)


class ModelThatRemembers(ModelClient):
    """Scores the candidates of a request by their places.

    Attributes:
      asked: the examples, as they came.
      fails: raised instead of an answer.
    """

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.fails: Exception | None = None

    def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
        self.check_ready()
        self.asked += inputs[EXAMPLES]
        counts = [size_of(example) for example in inputs[EXAMPLES]]
        clicks = np.concatenate([np.resize(CLICKS, count) for count in counts])
        return {"click": clicks, "combined": -clicks, "candidates_per_request": np.array(counts, np.int64)}

    def check_ready(self) -> None:
        if self.fails is not None:
            raise self.fails


def values_of(example: bytes, name: str) -> list:
    return list(tf.train.Example.FromString(example).features.feature[name].int64_list.value)


def size_of(example: bytes) -> int:
    return values_of(example, "nodes/_readout.#size")[0]


@dataclasses.dataclass(frozen=True)
class Served:
    """A service that runs, and what it is made of."""

    http: httpx.Client
    model: ModelThatRemembers
    examples: ExampleService

    def rank(self, **changes: Any) -> httpx.Response:
        body = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
        # httpx does not write text that is no Unicode.
        return self.http.post("/rank", content=json.dumps(body))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("store") / "graph"
    small_records.write_store(path)
    examples = ExampleService.open_live(path, sampling=small_records.SAMPLING, tables=TABLES)
    model = ModelThatRemembers()
    service = FeatureService(examples=examples, model=model, metrics=FeatureServiceMetrics())
    with http_server(service.app()) as url, httpx.Client(base_url=url, timeout=60) as http:
        yield Served(http, model, examples)


@pytest.fixture
def served(running: Served) -> Iterator[Served]:
    running.model.asked.clear()
    yield running
    running.model.fails = None


def test_the_model_is_asked_with_the_example_and_its_scores_are_answered(served: Served) -> None:
    answer = served.rank()
    assert answer.status_code == 200
    assert answer.json() == {
        "items": [503, 501, 502],
        "scores": {"click": [0.25, 0.75, 0.5], "combined": [-0.25, -0.75, -0.5]},
    }
    assert served.model.asked == [served.examples.example(**GOOD)]


def test_items_are_sorted_by_the_score_that_is_named(served: Served) -> None:
    assert served.rank(sort_by="click").json() == {
        "items": [501, 502, 503],
        "scores": {"click": [0.75, 0.5, 0.25], "combined": [-0.75, -0.5, -0.25]},
    }
    assert served.rank(sort_by="combined").json()["items"] == [503, 502, 501]
    # The model was asked in the caller's order.
    assert served.model.asked == [served.examples.example(**GOOD)] * 2


def test_rooms_are_asked_for_by_text(served: Served) -> None:
    answer = served.rank(item_node_set="room", items=["room-3"], features={"scenario": "feed", "hour": 1}).json()
    assert answer == {"items": ["room-3"], "scores": {"click": [0.25], "combined": [-0.25]}}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"usr": 107}, "unknown key 'usr': did you mean 'user'?"),
        ({"user": ..., "time": ...}, "keys are missing: user, time"),
        ({"user": "107"}, "request 0: user: expected an id of int64, received '107'"),
        ({"time": "now"}, "request 0: time: expected milliseconds since 1970, received 'now'"),
        ({"time": TIME // 1000}, "request 0: time: "),
        ({"items": 503}, "request 0: items: expected a list of ids, received 503"),
        ({"items": [503, None, 501]}, "request 0: video: expected an id of int64, received None"),
        ({"item_node_set": "vidoe"}, "request 0: item_node_set 'vidoe' is unknown: did you mean 'video'?"),
        ({"item_node_set": ["video"]}, 'item_node_set: expected text, received ["video"]'),
        ({"item_node_set": "room", "items": ["\ud800"]}, "request 0: "),
        ({"features": [1]}, "features: expected an object, received [1]"),
        ({"features": {"scenario": "feed"}}, "request 0: features are missing: hour"),
        ({"features": {"scenario": "feed", "huor": 21}}, "request 0: unknown feature 'huor': did you mean 'hour'?"),
        ({"features": {"scenario": "feed", "hour": "late"}}, "request 0: 'hour': expected int64, received 'late'"),
        ({"features": {"scenario": "feed", "hour": [1, 2]}}, "request 0: 'hour': 2 values for 3 candidates"),
        ({"features": {"scenario": {"a": 1}, "hour": 1}}, "request 0: 'scenario': expected string, received {'a': 1}"),
        ({"features": {"scenario": "feed", "hour": 10**30}}, "request 0: 'hour': expected int64, received 1000"),
        ({"features": {"scenario": "\ud800", "hour": 1}}, "request 0: "),
        ({"sort_by": "clck"}, "sort_by: unknown score 'clck': did you mean 'click'?"),
        ({"sort_by": 1}, "sort_by: expected text, received 1"),
    ],
)
def test_a_wrong_request_is_answered_with_what_is_wrong(served: Served, changes: dict, complaint: str) -> None:
    answer = served.rank(**changes)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].startswith(complaint)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "the body is no JSON"),
        (b"\xff\xfe\x00", "the body is no JSON"),
        (b"[" * 100_000, "the body is nested too deep"),
        (b"[]", "the body: expected an object, received []"),
        (b'{"user": NaN}', "the body is no JSON: NaN is none of its values"),
        (b'{"user": 1, "user": 2}', "the body is no JSON: key 'user' comes twice"),
        (b'{"user": 1' + b"0" * 5_000 + b"}", ""),
    ],
)
@pytest.mark.parametrize("path", ["/rank", "/events"])
def test_what_is_no_json_is_refused(served: Served, path: str, body: bytes, complaint: str) -> None:
    answer = served.http.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(complaint)


def test_other_paths_methods_and_sizes_are_refused_in_json(served: Served) -> None:
    for method, path, status in (("GET", "/rank", 405), ("POST", "/rnk", 404)):
        answer = served.http.request(method, path)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
    answer = served.http.post("/rank", content=b" " * (MOST_BODY_BYTES + 1))
    assert answer.status_code == 413


def test_a_model_server_that_is_away_is_503_until_it_is_back(served: Served) -> None:
    assert served.http.get("/readyz").status_code == 200
    served.model.fails = ModelServerError("model server x:1: UNAVAILABLE: refused")
    for answer in (served.rank(), served.http.get("/readyz")):
        assert (answer.status_code, answer.json()) == (503, {"error": "model server x:1: UNAVAILABLE: refused"})
    assert served.http.get("/healthz").status_code == 200
    served.model.fails = None
    assert served.rank().status_code == 200


def test_a_model_of_another_graph_is_not_the_callers_mistake(served: Served) -> None:
    served.model.fails = InputDataError("nodes/video.age is missing")
    answer = served.rank()
    assert answer.status_code == 502
    assert answer.json()["error"].endswith("nodes/video.age is missing")


def test_a_mistake_of_ours_stays_in_the_log(served: Served) -> None:
    served.model.fails = RuntimeError("a secret")
    answer = served.rank()
    assert (answer.status_code, answer.json()) == (500, {"error": "this service failed; its log says how"})


def test_events_are_seen_by_the_next_request(served: Served) -> None:
    def watched() -> float:
        assert served.rank().status_code == 200
        example = tf.train.Example.FromString(served.model.asked[-1])
        return example.features.feature["nodes/_readout.user_watched"].float_list.value[0]

    before = watched()
    rows = [{"user_id": 107, "video_id": 503, "time": TIME - 2}, {"user_id": 107, "video_id": 504, "time": TIME - 1}]
    answer = served.http.post("/events", json={"views": rows})
    assert answer.status_code == 200, answer.text
    assert watched() == before + 2
    columns = {"user_id": [107, 108], "video_id": [503, 503], "time": [TIME - 1, TIME - 1]}
    assert served.http.post("/events", json={"views": columns}).json()["position"] > answer.json()["position"]
    assert watched() == before + 3


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ({}, "events: expected rows by table"),
        ({"veiws": [{"user_id": 1}]}, "events: unknown table 'veiws': did you mean 'views'?"),
        ({"views": [{"user_id": 107, "video_id": 503}]}, "events: table 'views': columns are missing: time"),
        ({"views": [{"user_id": 107, "video_id": 503, "time": "noon"}]}, "events: table 'views': "),
        ({"views": {"user_id": [1, 2], "video_id": [1]}}, "events: table 'views': columns have different lengths"),
        ({"views": [[1, 2]]}, "events: table 'views': expected a list of rows"),
        ({"visits": [{"user_id": 107, "room_id": "\ud800", "time": TIME}]}, "events"),
    ],
)
def test_wrong_events_are_refused(served: Served, events: dict, complaint: str) -> None:
    answer = served.http.post("/events", content=json.dumps(events))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(complaint)


def test_a_service_without_a_log_says_so(served: Served, tmp_path: Path) -> None:
    store = small_records.write_store(tmp_path / "graph")
    examples = ExampleService(store=store, sampling=small_records.SAMPLING, requests=TABLES.requests)
    service = FeatureService(examples=examples, model=served.model, metrics=FeatureServiceMetrics())
    with http_server(service.app()) as url:
        row = {"user_id": 107, "video_id": 503, "time": TIME}
        answer = httpx.post(f"{url}/events", json={"views": [row]}, timeout=60)
    assert answer.status_code == 503
    assert "has no log of events" in answer.json()["error"]


def test_prometheus_can_read_the_metrics(served: Served) -> None:
    def read() -> dict[tuple, float]:
        answer = served.http.get("/metrics")
        families = text_string_to_metric_families(answer.text)
        return {(sample.name, *sample.labels.values()): sample.value for of in families for sample in of.samples}

    before = read()
    for _ in range(3):
        served.rank()
    served.rank(user=7)
    served.http.post("/no/such/path")
    row = {"user_id": 107, "video_id": 503, "time": TIME}
    served.http.post("/events", json={"views": [row, row]})
    after = read()
    for key, more in {
        ("tfgrec_answers_total", "/rank", "200"): 3,
        ("tfgrec_answers_total", "/rank", "400"): 1,
        ("tfgrec_answers_total", "other", "404"): 1,
        ("tfgrec_answer_seconds_count", "/rank"): 4,
        ("tfgrec_stage_seconds_count", "model"): 3,
        ("tfgrec_candidates_sum",): 9,
        ("tfgrec_events_total", "views"): 2,
    }.items():
        assert after[key] - before.get(key, 0) == more, key
    assert after[("process_resident_memory_bytes",)] > 0
