"""An item's vector does not know who asks, a user's not what will be found: neither by features nor by the graph."""

import numpy as np
import pyarrow as pa
import pytest
import small_records
import tensorflow as tf

from tfgrec.graph.examples.request_examples import RequestEncoder
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.retrieval.solo_vectors import encode_in_batches, make_vector_function
from tfgrec.training.run_model import RunModel

pytestmark = pytest.mark.slow
TIME = 900


@pytest.fixture(scope="module")
def encode_item(run_model: RunModel):
    return make_vector_function(run_model.model, run_model.serving_schema, "item")


@pytest.fixture(scope="module")
def encode_user(run_model: RunModel):
    return make_vector_function(run_model.model, run_model.serving_schema, "user")


def in_requests(store: GraphStore, users: np.ndarray, items: np.ndarray, *, hour: int = 3) -> list[bytes]:
    """Whole requests of a user with one item each."""
    count = len(users)
    readout = {
        "scenario": pa.array(["feed"] * count),
        "hour": pa.array([hour] * count),
        "click": pa.array([0.0] * count, pa.float32()),
        "watch_ms": pa.array([0.0] * count, pa.float32()),
    }
    encoder = RequestEncoder(store=store, sampling=small_records.SAMPLING, computed=small_records.COMPUTED)
    batch = RequestBatch(users, np.full(count, TIME), "video", items, np.arange(count + 1), readout)
    return encoder.encode(batch).examples


def test_an_item_in_a_request_can_see_who_asks_and_alone_it_can_not(store, examples, encode_item) -> None:
    item = 4
    users = np.arange(store.num_nodes("user"))
    alone = encode_item(tf.constant(examples.items("video", np.array([item]), np.array([TIME])))).numpy()[0]
    asked = encode_item(tf.constant(in_requests(store, users, np.full(len(users), item)))).numpy()
    start, end = store.visible_rows("watched_by", np.array([item]), np.array([TIME]))
    neighbours = store.adjacency("watched_by").targets(np.arange(end[0] - 3, end[0]))
    differs = np.abs(asked - alone).max(axis=1) > 1e-5
    # The user is expanded with more edges where the user is the one who asks: that is what makes solo examples needed.
    assert differs.any() and set(users[differs]) <= set(neighbours.tolist())
    assert end[0] - start[0] > 3 and len(set(neighbours.tolist())) < len(users)


def test_item_vectors_depend_on_item_and_time_alone(store, examples, encode_item) -> None:
    items = np.arange(store.num_nodes("video"))
    times = np.full(len(items), TIME)
    together = encode_item(tf.constant(examples.items("video", items, times))).numpy()
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    few = encode_in_batches(encode_item, lambda part: examples.items("video", items[part], times[part]), len(items), 7)
    np.testing.assert_allclose(few, together, atol=1e-5)
    with_other_requests = [of_request(example) for example in examples.items("video", items, times)]
    np.testing.assert_array_equal(encode_item(tf.constant(with_other_requests)).numpy(), together)
    earlier = encode_item(tf.constant(examples.items("video", items, times - 700))).numpy()
    assert np.abs(earlier - together).max() > 1e-3


def of_request(example: bytes) -> bytes:
    """The same example with another request's features."""
    parsed = tf.train.Example.FromString(example)
    parsed.features.feature["nodes/_readout.scenario"].bytes_list.value[:] = [b"search"]
    parsed.features.feature["nodes/_readout.hour"].int64_list.value[:] = [17]
    parsed.features.feature["nodes/_readout.user_watched"].float_list.value[:] = [99.0]
    return parsed.SerializeToString()


def test_a_user_s_vector_does_not_depend_on_candidates(store, examples: SoloExamples, encode_user) -> None:
    users = np.repeat(np.arange(6), 5)
    items = np.tile(np.arange(5), 6)
    features = {"scenario": pa.array(["feed"] * 30), "hour": pa.array([3] * 30)}
    alone = encode_user(tf.constant(examples.users(users, np.full(30, TIME), "video", features))).numpy()
    np.testing.assert_allclose(alone.reshape(6, 5, -1), np.repeat(alone[::5, np.newaxis], 5, axis=1), atol=1e-6)
    asked = encode_user(tf.constant(in_requests(store, users, items))).numpy()
    watched = set(zip(*seen_pairs(store, users), strict=True))
    new = [(user, item) not in watched for user, item in zip(users, items, strict=True)]
    # Only a candidate that the user has watched before is in reach of the user's edges.
    np.testing.assert_allclose(asked[new], alone[new], atol=1e-5)


def seen_pairs(store: GraphStore, users: np.ndarray) -> tuple[list[int], list[int]]:
    distinct = np.unique(users)
    start, end = store.visible_rows("watched", distinct, np.full(len(distinct), TIME))
    rows = np.repeat(distinct, end - start)
    positions = np.concatenate([np.arange(first, last) for first, last in zip(start, end, strict=True)])
    return rows.tolist(), store.adjacency("watched").targets(positions).tolist()
