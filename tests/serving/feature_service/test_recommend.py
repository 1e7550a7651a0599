"""From a user to ranked candidates: over HTTP with stand-ins, and with a real index and model against brute force."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import small_records
import tensorflow as tf
import yaml
from model_server_stand_in import http_server
from served_run import write_index

from tfgrec.config import TablesConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.retrieval.index import export_index
from tfgrec.retrieval.item_vectors import encode_items
from tfgrec.retrieval.solo_vectors import make_vector_function
from tfgrec.serving.clients.client import Inputs, ModelClient, rank
from tfgrec.serving.clients.saved_model_client import SavedModelClient
from tfgrec.serving.feature_service.recommend import Recommender, open_indexes
from tfgrec.serving.feature_service.service import FeatureService
from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics

TIME = 1_651_795_200_900
TABLES = yaml.safe_load(yaml.safe_dump(small_records.TABLES))
TABLES["requests"]["sources"].append({**TABLES["requests"]["sources"][0], "item_node_set": "room"})
ASKED = {"user": 107, "time": TIME, "item_node_set": "video", "features": {"scenario": "feed", "hour": 21}}


class KnownIndex(ModelClient):
    """Finds items in a fixed order."""

    def __init__(self, ids: list) -> None:
        self.ids = ids

    def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
        [example] = inputs["examples"]
        assert tf.train.Example.FromString(example).features.feature["context/time"].int64_list.value == [TIME]
        return {"ids": np.array([self.ids[: int(inputs["k"])]]), "scores": np.zeros((1, 1), np.float32)}

    def check_ready(self) -> None:
        """Always."""


class ByPlace(ModelClient):
    """The third of each five candidates is the best, then the fourth."""

    def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
        [example] = inputs["examples"]
        [count] = tf.train.Example.FromString(example).features.feature["nodes/_readout.#size"].int64_list.value
        scores = np.resize(np.array([0.1, 0.2, 0.9, 0.8, 0.3], np.float32), count)
        return {"click": 1 - scores, "combined": scores, "candidates_per_request": np.array([count])}

    def check_ready(self) -> None:
        """Always."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> ExampleService:
    path = tmp_path_factory.mktemp("store") / "graph"
    small_records.write_store(path)
    requests = TablesConfig.model_validate(TABLES).requests
    return ExampleService.open(path, sampling=small_records.SAMPLING, requests=requests)


@pytest.fixture(scope="module")
def http(examples: ExampleService) -> Iterator[httpx.Client]:
    indexes = {"video": KnownIndex(list(range(505, 500, -1))), "room": KnownIndex([b"no such room"])}
    recommender = Recommender(examples=examples, indexes=indexes)
    metrics = FeatureServiceMetrics()
    service = FeatureService(examples=examples, model=ByPlace(), metrics=metrics, recommender=recommender)
    with http_server(service.app()) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def test_candidates_of_the_index_are_ranked_and_the_best_answered(http: httpx.Client) -> None:
    answer = http.post("/recommend", json={**ASKED, "count": 2})
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"] == [503, 502]
    assert answer.json()["scores"]["combined"] == pytest.approx([0.9, 0.8])
    assert http.post("/recommend", json={**ASKED, "candidates": 2}).json()["items"] == [504, 505]
    assert http.post("/recommend", json={**ASKED, "count": 1, "sort_by": "click"}).json()["items"] == [505]
    assert 'tfgrec_stage_seconds_count{stage="candidates"}' in http.get("/metrics").text


@pytest.mark.parametrize(
    ("changes", "status", "complaint"),
    [
        ({"items": [501]}, 400, "unknown key 'items': the index finds the items"),
        ({"count": 0}, 400, "count: expected a whole number in 1 to 5000, received 0"),
        ({"candidates": "many"}, 400, "candidates: expected a whole number in 1 to 5000, received 'many'"),
        ({"user": 7}, 400, "request 0: user 7 is not in the graph"),
        ({"features": {"scenario": "feed"}}, 400, "request 0: features are missing: hour"),
        ({"features": {"scenario": ["feed", "search"], "hour": 1}}, 400, "request 0: 'scenario': 2 values for 1 cand"),
        ({"item_node_set": None}, 400, "request 0: item_node_set is missing"),
        ({"features": {"scenario": "\ud800", "hour": 1}}, 400, "request 0: "),
        ({"sort_by": "clck"}, 400, "sort_by: unknown score 'clck': did you mean 'click'?"),
        ({"item_node_set": "room"}, 502, "this graph refuses what the index found: request 0: room 'no such room'"),
    ],
)
def test_what_is_wrong_is_told(http: httpx.Client, changes: dict, status: int, complaint: str) -> None:
    answer = http.post("/recommend", content=json.dumps({**ASKED, **changes}))
    assert answer.status_code == status and answer.json()["error"].startswith(complaint), answer.text


def test_without_an_index_there_is_no_such_path(examples: ExampleService, tmp_path: Path) -> None:
    service = FeatureService(examples=examples, model=ByPlace(), metrics=FeatureServiceMetrics())
    assert "/recommend" not in service.answers
    with pytest.raises(ConfigurationError, match="has no index of retrieval, run tfgrec-index first"):
        open_indexes(tmp_path)


def test_the_newest_index_of_a_node_set_is_opened(tmp_path: Path) -> None:
    for version in ("9", "10"):
        write_index(tmp_path / "video" / version, [int(version), 1])
    opened = open_indexes(tmp_path)
    assert opened.keys() == {"video"}
    found = opened["video"].predict("serving_default", {"examples": [b"x", b"y"], "k": np.int32(2)})
    np.testing.assert_array_equal(found["ids"], [[10, 1], [10, 1]])


@pytest.mark.slow
def test_a_real_index_and_model_find_what_brute_force_finds(served, store, tmp_path: Path) -> None:
    model, schema = served.run_model.model, served.run_model.serving_schema
    requests = TablesConfig.model_validate(TABLES).requests
    solo = SoloExamples(store=store, sampling=small_records.SAMPLING, requests=requests)
    items = encode_items(
        make_vector_function(model, schema, "item"),
        store=store,
        examples=solo,
        node_set="video",
        time=TIME,
        batch_size=32,
    )
    options = {"schema": schema, "search": "brute_force", "extra": {"search": "brute_force"}}
    export_index(model, items, folder=tmp_path / "video", sample=served.records[:4], **options)

    examples = ExampleService(store=store, sampling=small_records.SAMPLING, requests=requests)
    request = OnlineRequest(
        user=107, time=TIME, items=[], item_node_set="video", features={"scenario": "feed", "hour": 21}
    )
    found = Recommender(examples=examples, indexes=open_indexes(tmp_path)).find(request, 12)
    query = make_vector_function(model, schema, "user")(tf.constant(examples.query_examples([request])))
    order = np.argsort(-(items.vectors @ query.numpy()[0]))
    assert list(found.items) == np.asarray(items.ids)[order[:12]].tolist()
    [scores] = rank(SavedModelClient(served.path), examples.examples([found]))
    asked = dataclasses.replace(request, items=list(found.items))
    expected = model_scores(served, examples.example(**dataclasses.asdict(asked)))
    np.testing.assert_allclose(scores["click"], expected, rtol=1e-5, atol=1e-5)


def model_scores(served, example: bytes) -> np.ndarray:
    """What the trained model itself says."""
    from tfgrec.serving.signatures.scoring import make_scoring_function

    score = make_scoring_function(served.run_model.model, served.run_model.serving_schema)
    return score(tf.constant([example]))["click"].numpy()
