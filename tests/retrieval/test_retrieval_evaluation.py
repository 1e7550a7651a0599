"""Recall and NDCG of a run against single queries, scored one by one over every item."""

import math
import zlib

import numpy as np
import pytest
import small_records
import tensorflow as tf

from tfgrec.config.training import RetrievalEvaluationConfig
from tfgrec.data.prediction_rows import PredictionRows
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.retrieval.evaluation import RetrievalEvaluation
from tfgrec.retrieval.queries import Queries, read_queries
from tfgrec.retrieval.visible_items import seen_items
from tfgrec.training.run_model import RunModel

HOURS = 1e-4  # 360 ms: requests come within a second.
UNITS = 6


@pytest.fixture(scope="module")
def queries(run_model: RunModel, store: GraphStore) -> dict[str, Queries]:
    return read_queries(
        run_model.examples.split("validation"),
        schema=run_model.examples.schema,
        store=store,
        user_node_set="user",
        features=["scenario", "hour"],
        positive="click",
        batch_size=16,
    )


def test_queries_are_the_requests_with_a_positive_candidate(run_model, store, queries) -> None:
    schema = run_model.examples.schema
    rows = PredictionRows(schema, labels={"click": "click", "hour": "hour"}, scenario=None)
    split = run_model.examples.split("validation")
    table = rows.read(tf.constant(list(tf.data.TFRecordDataset(list(split.files)).as_numpy_iterator())))
    clicked = table[table["click"] > 0]
    for node_set, of_set in queries.items():
        expected = clicked[clicked["item_node_set"] == node_set]
        assert len(of_set.users) == expected["request"].nunique() > 5
        assert (np.diff(of_set.times) >= 0).all()
        ids = store.node_features(node_set, of_set.wanted)["#id"].to_pylist()
        asked = zip(np.repeat(of_set.times, np.diff(of_set.splits)).tolist(), map(str, ids), strict=True)
        assert set(asked) == set(zip(expected["time"], expected["item"].astype(str), strict=True))
        hours = dict(zip(zip(expected["time"], expected["user"], strict=True), expected["hour"], strict=True))
        users = store.node_features("user", of_set.users)["#id"].to_pylist()
        of_request = zip(of_set.times.tolist(), users, of_set.features["hour"].to_pylist(), strict=True)
        assert all((time, user) in hours for time, user, _ in of_request)
    assert (
        queries["video"].part(2, 5).pairs[1].tolist()
        == queries["video"].wanted[queries["video"].splits[2] : queries["video"].splits[5]].tolist()
    )


class Stand:
    """In place of a model: a vector for each user and time, and for each item and time, that nobody else has."""

    def __init__(self) -> None:
        self.item_times: set[int] = set()

    def vector(self, raw: int | str | bytes, time: int) -> np.ndarray:
        text = raw if isinstance(raw, bytes) else str(raw).encode()
        # Coarse values, so that scores tie.
        return np.random.default_rng([zlib.crc32(text), time]).integers(-1, 2, UNITS).astype(np.float32)

    def encode(self, node_sets: tuple[str, ...], examples: tf.Tensor) -> tf.Tensor:
        return tf.constant(np.stack([self._of_example(node_sets, example) for example in examples.numpy()]))

    def _of_example(self, node_sets: tuple[str, ...], example: bytes) -> np.ndarray:
        features = tf.train.Example.FromString(example).features.feature
        (time,) = features["context/time"].int64_list.value
        for node_set in node_sets:
            readout = "user" if node_set == "user" else f"item/{node_set}"
            if features[f"edges/_readout/{readout}.#size"].int64_list.value[0]:
                (place,) = features[f"edges/_readout/{readout}.#source"].int64_list.value
                ids = features[f"nodes/{node_set}.#id"]
                if node_set != "user":
                    self.item_times.add(time)
                return self.vector(getattr(ids, ids.WhichOneof("kind")).value[place], time)
        raise AssertionError("an example of neither")


def by_brute_force(stand: Stand, store: GraphStore, queries: dict[str, Queries], k: int) -> tuple[float, float, int]:
    recalls, gains = [], []
    for node_set, of_set in queries.items():
        raw_items = store.node_features(node_set, np.arange(store.num_nodes(node_set)))["#id"].to_pylist()
        raw_users = store.node_features("user", of_set.users)["#id"].to_pylist()
        for query, (raw_user, time) in enumerate(zip(raw_users, of_set.times.tolist(), strict=True)):
            as_of = int(of_set.times[0]) + (time - int(of_set.times[0])) // 360 * 360
            user = stand.vector(raw_user, time)
            seen = _seen(store, node_set, of_set, query)
            scores = {
                item: float(user @ stand.vector(raw, as_of)) for item, raw in enumerate(raw_items) if item not in seen
            }
            wanted = [i for i in of_set.wanted[of_set.splits[query] : of_set.splits[query + 1]] if i not in seen]
            if wanted:
                recall, gain = _expected(scores, wanted, k)
                recalls.append(recall)
                gains.append(gain)
    return float(np.mean(recalls)), float(np.mean(gains)), len(recalls)


def _seen(store: GraphStore, node_set: str, queries: Queries, query: int) -> set[int]:
    user, time = queries.users[query : query + 1], queries.times[query : query + 1]
    return set(seen_items(store, ["watched", "visited"], node_set, user, time)[1].tolist())


def _expected(scores: dict[int, float], wanted: list[int], k: int) -> tuple[float, float]:
    """Means over all places that ties leave open."""
    recall = gain = 0.0
    for item in wanted:
        above = sum(score > scores[item] for score in scores.values())
        places = range(above + 1, above + sum(score == scores[item] for score in scores.values()) + 1)
        recall += np.mean([place <= k for place in places]) / len(wanted)
        gain += np.mean([(place <= k) / math.log2(1 + place) for place in places])
    return recall, gain / sum(1 / math.log2(1 + place) for place in range(1, min(len(wanted), k) + 1))


def test_metrics_are_those_of_single_queries_over_all_unseen_items(store, examples, queries) -> None:
    stand = Stand()
    evaluation = RetrievalEvaluation(
        encode_user=lambda serialized: stand.encode(("user",), serialized),
        encode_item=lambda serialized: stand.encode(("video", "room"), serialized),
        store=store,
        examples=examples,
        config=RetrievalEvaluationConfig.model_validate(
            {
                "seen": ["watched", "visited"],
                "popularity": {"watched": {"edge_set": "watched"}},
                "cutoffs": [3, 5],
                "refresh_hours": HOURS,
            }
        ),
        batch_size=7,
    )
    found = evaluation.run(queries)
    for k in (3, 5):
        recall, gain, count = by_brute_force(stand, store, queries, k)
        assert found[f"recall@{k}"] == pytest.approx(recall)
        assert found[f"ndcg@{k}"] == pytest.approx(gain)
        assert found["requests"] == count
    wanting = sum(len(of_set.users) for of_set in queries.values())
    assert 0 < found["requests"] < wanting, "some wanted nothing but what they had seen"
    assert found["items"] == {"room": small_records.ROOMS, "video": small_records.VIDEOS}
    assert found["popularity"]["watched"].keys() == {"recall@3", "recall@5", "ndcg@3", "ndcg@5"}
    # As of few times, none later than the requests.
    assert 2 < len(stand.item_times) <= 2 * 4 and max(stand.item_times) <= max(q.times[-1] for q in queries.values())
