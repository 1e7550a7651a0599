"""Logged requests beside what is made of them now: equal where nothing was changed, and told where it was."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config import load_tables_config
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.recorded_requests import RecordedRequests
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.clients.saved_model_client import SavedModelClient
from tfgrec.skew.example_differences import ORDER, example_differences
from tfgrec.skew.logged_requests import LoggedRequest, chosen_records
from tfgrec.skew.request_skew import RequestSkew


@pytest.fixture(scope="module")
def requests(run: RunDirectory) -> list[LoggedRequest]:
    return list(chosen_records(ExamplesDirectory.open(run.examples)))


@pytest.fixture(scope="module")
def model(run: RunDirectory) -> SavedModelClient:
    return SavedModelClient(run.newest_export)


def compare(run: RunDirectory, service: ExampleService, model: SavedModelClient, requests: list[LoggedRequest]) -> dict:
    tables = load_tables_config(run.read_config().schema_dir)
    skew = RequestSkew(service=service, recorded=RecordedRequests(service.schema, tables.requests), model=model)
    skew.add(requests)
    return skew.summary()


def changed(example: bytes, name: str, change) -> bytes:
    """The example with the values of a feature changed in place."""
    message = tf.train.Example.FromString(example)
    feature = message.features.feature[name]
    change(getattr(feature, feature.WhichOneof("kind")).value)
    return message.SerializeToString()


def test_records_are_made_again_with_the_same_bytes_and_scores(run, service, model, requests) -> None:
    assert len(requests) == 74
    found = compare(run, service, model, requests)
    assert (found["requests"], found["same"], found["different"], found["not_made"]) == (74, 74, 0, 0)
    assert found["different_share"] == 0 and found["features"] == {} and found["differences"] == []
    assert found["candidates"] == sum(
        tf.train.Example.FromString(of.example).features.feature["nodes/_readout.#size"].int64_list.value[0]
        for of in requests
    )
    assert found["scores"]["made_now"].keys() == {"click"}
    assert found["largest"]["made_now"] <= 1e-6


def test_what_was_changed_is_told_with_request_feature_and_both_values(run, service, model, requests) -> None:
    def raise_first(values) -> None:
        values[0] += 0.5

    counted, other = requests[3], requests[5]
    wrong = changed(counted.example, "nodes/_readout.user_watched", raise_first)
    shorter = changed(other.example, "nodes/user.activity", lambda values: values.pop())
    found = compare(
        run,
        service,
        model,
        [*requests[:3], dataclasses.replace(counted, example=wrong), dataclasses.replace(other, example=shorter)],
    )
    assert (found["same"], found["different"], found["different_share"]) == (3, 2, 0.4)
    assert found["features"] == {
        "nodes/_readout.user_watched": {"requests": 1, "largest": 0.5},
        "nodes/user.activity": {"requests": 1, "largest": None},
    }
    first, second = found["differences"]
    asked = RecordedRequests(service.schema, load_tables_config(run.read_config().schema_dir).requests)
    told = {"request": counted.name, "user": asked.read(counted.example).user, "time": asked.read(wrong).time}
    assert told.items() <= first.items()
    assert (first["feature"], first["place"], first["logged"] - first["now"]) == ("nodes/_readout.user_watched", 0, 0.5)
    assert second["place"] is None and second["logged"] != second["now"]
    # The model reads the count a hundred times; scores above 1 are compared by their own size.
    score = model.predict("serving_default", {"examples": [wrong]})["click"][0]
    assert found["largest"]["made_now"] == pytest.approx(50 / score, rel=1e-3)
    assert found["worst"]["made_now"]["request"] == counted.name


def test_answers_of_then_are_compared_with_the_model_of_now(run, service, model, requests) -> None:
    then = {"click": model.predict("serving_default", {"examples": [requests[0].example]})["click"] / 4}
    found = compare(run, service, model, [dataclasses.replace(requests[0], scores=then, model="small/3")])
    assert found["models"] == {"small/3": 1}
    assert found["scores"]["answered_then"]["click"] == pytest.approx(3, rel=1e-5)
    assert found["largest"]["made_now"] <= 1e-6


def test_what_cannot_be_made_is_counted_with_its_reason(run, service, model, requests) -> None:
    def rename(values) -> None:
        for place in range(len(values)):
            values[place] = 1_000_000 + place

    strange = changed(requests[0].example, "nodes/user.#id", rename)
    nobody = changed(requests[1].example, "edges/_readout/user.#source", lambda values: values.__delitem__(slice(None)))
    found = compare(run, service, None, [dataclasses.replace(requests[0], example=of) for of in (strange, nobody)])
    reasons = [of["reason"] for of in found["not_made_because"]]
    assert (found["not_made"], found["different_share"]) == (2, 1.0)
    assert "is not in the graph" in reasons[0] and reasons[1] == "a record names no user"


def test_users_and_items_that_the_graph_does_not_know_are_made_again(run: RunDirectory) -> None:
    config = run.read_config()
    requests = load_tables_config(config.schema_dir).requests.model_copy(update={"unknown": "score"})
    service = ExampleService.open(run.graph, sampling=config.sampling, requests=requests)
    recorded = RecordedRequests(service.schema, requests)
    asked = {
        "user": 999_999,
        "time": 1_651_795_200_900,
        "items": [503, 888_888, 888_889],
        "item_node_set": "video",
        "features": {"scenario": "feed", "hour": 21},
    }
    said = {"user_features": {"age_group": "old"}, "item_features": [None, {"duration": 7.5, "tags": ["b", "a"]}, None]}
    examples = [service.example(**asked), service.example(**asked, **said)]
    assert examples[0] != examples[1]
    assert service.examples([recorded.read(example) for example in examples]) == examples


def test_the_same_requests_are_drawn_again_and_found_by_their_names(run: RunDirectory) -> None:
    directory = ExamplesDirectory.open(run.examples)
    every = {of.name: of.example for of in chosen_records(directory)}
    drawn = list(chosen_records(directory, count=10, seed=4))
    assert drawn == list(chosen_records(directory, count=10, seed=4)) != list(chosen_records(directory, count=10))
    assert len({of.name for of in drawn}) == 10 and all(every[of.name] == of.example for of in drawn)
    assert {of.name.partition("/")[0] for of in chosen_records(directory, splits=["validation"])} == {"validation"}
    with pytest.raises(ConfigurationError, match="--split validaton: is unknown: did you mean 'validation'"):
        list(chosen_records(directory, splits=["validaton"]))


def test_features_are_compared_to_the_last_bit(requests: list[LoggedRequest]) -> None:
    def flip(values) -> None:
        values[0] = float(np.nextafter(np.float32(values[0]), np.float32(np.inf)))

    def empty(values) -> None:
        values[0] = float("nan")

    example = requests[0].example
    [bit] = example_differences(example, changed(example, "nodes/_readout.user_watched", flip))
    assert 0 < bit.largest < 1e-3
    nan = changed(example, "nodes/_readout.user_watched", empty)
    assert example_differences(nan, nan) == []
    [lost] = example_differences(example, nan)
    assert lost.told()["now"] == "nan"
    # The same values in another order of bytes.
    message = tf.train.Example.FromString(example)
    parts = [
        tf.train.Example(features=tf.train.Features(feature={name: of}))
        for name, of in message.features.feature.items()
    ]
    backwards = b"".join(part.SerializeToString() for part in reversed(parts))
    assert backwards != example and [of.feature for of in example_differences(example, backwards)] == [ORDER]
    with pytest.raises(InputDataError, match="is no tf.Example"):
        example_differences(example, b"\xff\xff")


def test_multi_valued_request_features_keep_their_rows() -> None:
    """No small record has one."""
    from tfgrec.config.tables import Requests
    from tfgrec.graph.schema import ID, READOUT, TIME, EdgeSet, Feature, GraphSchema, NodeSet

    schema = GraphSchema(
        context={TIME: Feature("int64")},
        node_sets={
            "user": NodeSet({ID: Feature("int64")}),
            "video": NodeSet({ID: Feature("string")}),
            READOUT: NodeSet({"words": Feature("string", True)}),
        },
        edge_sets={
            f"{READOUT}/user": EdgeSet("user", READOUT, {}),
            f"{READOUT}/item/video": EdgeSet("video", READOUT, {}),
        },
    )
    requests = Requests.model_validate(
        {
            "user_node_set": "user",
            "sources": [{"table": "t", "user": "u", "item": "v", "item_node_set": "video"}],
            "features": {"words": {"column": "w", "separator": " "}},
            "labels": {"click": "c"},
        }
    )
    features = {
        "context/time": [7],
        "nodes/user.#id": [5],
        "nodes/video.#id": [b"b", b"a"],
        "nodes/_readout.#size": [2],
        "edges/_readout/user.#source": [0, 0],
        "edges/_readout/user.#target": [0, 1],
        # Out of order: what counts is where an edge leads.
        "edges/_readout/item/video.#source": [0, 1],
        "edges/_readout/item/video.#target": [1, 0],
        "nodes/_readout.words": [b"x", b"y"],
        "nodes/_readout.words.d1": [0, 2],
    }
    example = tf.train.Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        (feature.bytes_list if isinstance(values[0], bytes) else feature.int64_list).value.extend(values)
    read = RecordedRequests(schema, requests).read(example.SerializeToString())
    assert (read.user, read.time, list(read.items)) == (5, 7, ["a", "b"])
    assert read.features == {"words": [[], ["x", "y"]]} and read.item_node_set == "video"
