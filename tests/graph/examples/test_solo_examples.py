"""Examples of one side of a request know nothing of the other, and all that the whole request knows of their own."""

import numpy as np
import pyarrow as pa
import pytest
import small_records
import tensorflow as tf

from tfgrec.config.tables import Requests
from tfgrec.errors import InputDataError
from tfgrec.graph.examples.request_examples import RequestEncoder
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore

REQUESTS = {
    **small_records.TABLES["requests"],
    "temporal_degrees": {"user_watched": {"of": "user", "edge_set": "watched"}},
}
FEATURES = {"scenario": pa.array(["feed"] * 5), "hour": pa.array([3] * 5)}
USERS, TIMES = np.arange(5), np.full(5, 900)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return small_records.write_store(tmp_path_factory.mktemp("solo"))


@pytest.fixture(scope="module")
def solo(store: GraphStore) -> SoloExamples:
    requests = Requests.model_validate(REQUESTS)
    return SoloExamples(store=store, sampling=small_records.SAMPLING, requests=requests)


def values_of(example: bytes) -> dict[str, list]:
    features = tf.train.Example.FromString(example).features.feature
    return {name: list(getattr(value, value.WhichOneof("kind")).value) for name, value in features.items()}


def edges_of(example: bytes) -> set[tuple]:
    """The stored edges of a record as (edge set, raw source, raw target, time)."""
    values, edges = values_of(example), set()
    for name, edge_set in small_records.SCHEMA.stored_edge_sets.items():
        ids = [values.get(f"nodes/{node_set}.#id", []) for node_set in (edge_set.source, edge_set.target)]
        ends = zip(*(values.get(f"edges/{name}.{part}", []) for part in ("#source", "#target", "time")), strict=True)
        edges |= {(name, ids[0][source], ids[1][target], time) for source, target, time in ends}
    return edges


def whole_requests(store: GraphStore, items: np.ndarray) -> list[bytes]:
    """Examples of the users with one item each."""
    readout = {
        **FEATURES,
        "click": pa.array([0.0] * 5, pa.float32()),
        "watch_ms": pa.array([0.0] * 5, pa.float32()),
    }
    encoder = RequestEncoder(store=store, sampling=small_records.SAMPLING, computed=small_records.COMPUTED)
    return encoder.encode(RequestBatch(USERS, TIMES, "video", items, np.arange(6), readout)).examples


def test_an_item_alone_has_no_user_and_no_request(solo: SoloExamples, store: GraphStore) -> None:
    items = np.arange(store.num_nodes("video"))
    examples = solo.items("video", items, np.full(len(items), 900))
    values = values_of(examples[3])
    assert values["edges/_readout/user.#size"] == values["edges/_readout/item/room.#size"] == [0]
    assert values["edges/_readout/item/video.#size"] == values["nodes/_readout.#size"] == [1]
    assert values["nodes/video.#id"][0] == store.node_features("video", items[3:4])["#id"][0].as_py()
    assert values["nodes/_readout.user_watched"] == values["nodes/_readout.hour"] == [0]
    assert values["nodes/_readout.scenario"] == [b""] and np.isnan(values["nodes/_readout.click"])
    assert values["nodes/history/watched.#size"] == values["nodes/history/visited.#size"] == [0]
    # Whatever else is encoded with it.
    assert solo.items("video", items[3:4], np.array([900])) == examples[3:4]
    assert all(time < 900 for _, _, _, time in edges_of(examples[3]))


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ({"measure": "count"}, 0.0),
        ({"measure": "sum", "feature": "liked"}, 0.0),
        ({"measure": "mean", "feature": "liked"}, -1.0),
        ({"measure": "mean", "feature": "liked", "missing": 0.5}, 0.5),
        ({"measure": "seconds_since_last"}, -1.0),
        ({"measure": "seconds_since_last", "nth_last": 2}, -1.0),
        ({"measure": "last_value", "feature": "liked"}, -1.0),
        ({"measure": "last_value", "feature": "liked", "nth_last": 3}, -1.0),
    ],
)
def test_degrees_of_the_other_side_are_as_without_an_edge(
    store: GraphStore, measured: dict[str, object], expected: float
) -> None:
    degree = {"of": "user", "edge_set": "watched", **measured}
    requests = Requests.model_validate(REQUESTS | {"temporal_degrees": {"user_watched": degree}})
    solo = SoloExamples(store=store, sampling=small_records.SAMPLING, requests=requests)
    (example,) = solo.items("video", np.array([3]), np.array([900]))
    assert values_of(example)["nodes/_readout.user_watched"] == [expected]


def test_a_user_alone_has_its_counts_and_the_request_s_features(solo: SoloExamples, store: GraphStore) -> None:
    examples = solo.users(USERS, TIMES, "video", FEATURES)
    wholes = whole_requests(store, np.zeros(5, int))
    for example, whole in zip(examples, wholes, strict=True):
        values, expected = values_of(example), values_of(whole)
        assert values["edges/_readout/item/video.#size"] == [0] and values["edges/_readout/user.#size"] == [1]
        for name in ("user_watched", "scenario", "hour"):
            assert values[f"nodes/_readout.{name}"] == expected[f"nodes/_readout.{name}"]
        assert np.isnan(values["nodes/_readout.click"])
        events = {name: value for name, value in expected.items() if name.startswith("nodes/history/")}
        assert events["nodes/history/watched.#size"] == [min(values["nodes/_readout.user_watched"][0], 12)] > [0]
        assert {name: values[name] for name in events} == events


def test_both_sides_together_are_the_request_unless_they_meet(solo: SoloExamples, store: GraphStore) -> None:
    met = 0
    for item in range(10):
        items = np.full(5, item)
        of_items = solo.items("video", items, TIMES)
        of_users = solo.users(USERS, TIMES, "video", FEATURES)
        for user, (whole, *parts) in enumerate(zip(whole_requests(store, items), of_items, of_users, strict=True)):
            apart = edges_of(parts[0]) | edges_of(parts[1])
            users, videos = (values_of(parts[0]).get(f"nodes/{name}.#id", []) for name in ("user", "video"))
            raw_user = values_of(parts[1])["nodes/user.#id"][0]
            meets = raw_user in users or videos[0] in values_of(parts[1])["nodes/video.#id"]
            met += meets
            if not meets:
                assert {edge for edge in edges_of(whole) if edge[1] in (raw_user, videos[0])} == {
                    edge for edge in apart if edge[1] in (raw_user, videos[0])
                }, (user, item)
    assert 0 < met < 50


def test_request_features_are_named_that_are_missing(solo: SoloExamples) -> None:
    with pytest.raises(InputDataError, match=r"expected \['hour', 'scenario'\], received \['hour'\]"):
        solo.users(USERS, TIMES, "video", {"hour": FEATURES["hour"]})


def test_a_batch_needs_one_side_at_least() -> None:
    with pytest.raises(InputDataError, match="neither users nor items"):
        RequestBatch(None, TIMES, "video", None, np.arange(6), {})
