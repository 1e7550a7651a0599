"""The signatures of an export: their contract, their parts, and that they agree with one another."""

import json
from pathlib import Path

import numpy as np
import pytest
import small_records
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfgrec.config.tables import Requests
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged
from tfgrec.graph.examples.request_examples import RequestEncoder
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import READOUT
from tfgrec.retrieval.solo_vectors import make_vector_function
from tfgrec.serving.signatures.all_signatures import describe
from tfgrec.serving.signatures.combined_score import combined_weights
from tfgrec.serving.signatures.names import output_problems

GOLDEN = Path(__file__).with_name("small_world_signatures.json")
# Operations that need Python, or another compiler, to run.
FOREIGN = ("PyFunc", "EagerPyFunc", "PyFuncStateless", "XlaCallModule")


@pytest.mark.slow
def test_names_types_and_shapes_are_those_of_the_contract(served) -> None:
    """A difference here breaks callers: raise CONTRACT_VERSION and say so in docs/serving.md."""
    described = json.loads((served.path / "assets.extra" / "tfgrec.json").read_text())["serving"]
    assert described == json.loads(GOLDEN.read_text())
    loaded = tf.saved_model.load(str(served.path)).signatures
    assert {name: describe(function) for name, function in loaded.items()} == described["signatures"]


@pytest.mark.slow
def test_only_tensorflow_s_own_operations_are_used(served) -> None:
    saved = saved_model_pb2.SavedModel.FromString((served.path / "saved_model.pb").read_bytes()).meta_graphs[0]
    functions = {function.signature.name for function in saved.graph_def.library.function}
    nodes = [*saved.graph_def.node, *(node for of in saved.graph_def.library.function for node in of.node_def)]
    operations = {node.op for node in nodes} - functions
    assert operations and not operations & set(FOREIGN)
    # All that TensorFlow registers without a library beside it.
    assert operations <= set(dir(tf.raw_ops))
    # With oneDNN it writes beyond its memory where two threads ask at once (TensorFlow 2.16).
    assert "FusedBatchNormV3" not in operations
    files = {path.name for path in served.path.rglob("*") if path.is_file()}
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".npy"))]


@pytest.mark.slow
def test_all_ways_to_rank_agree(served, signatures, questions) -> None:
    """With the model itself, whose graph TF-GNN has parsed."""
    model, schema = served.run_model.model, served.run_model.serving_schema
    graph = parse_merged(graph_tensor_spec(schema), tf.constant(served.records))
    expected = {name: values.numpy() for name, values in model.predictions(graph).items()}
    expected["combined"] = 2.0 * expected["click"] + 0.1 * expected["watch_time"]
    expected["candidates_per_request"] = graph.node_sets[READOUT].sizes.numpy()
    for name in ("rank", "rank_dense", "rank_cached"):
        given = {key: tf.constant(of.tolist() if of.dtype == object else of) for key, of in questions[name].items()}
        answer = signatures[name](**given)
        assert answer.keys() == expected.keys()
        for output, values in expected.items():
            np.testing.assert_allclose(answer[output], values, rtol=1e-5, atol=1e-5, err_msg=f"{name} {output}")


@pytest.mark.slow
def test_vectors_are_those_of_the_index(served, signatures) -> None:
    for side in ("user", "item"):
        expected = make_vector_function(served.run_model.model, served.run_model.serving_schema, side)
        answer = signatures[f"encode_{side}"](examples=tf.constant(served.records))
        np.testing.assert_allclose(
            answer["vector"], expected(tf.constant(served.records)), rtol=1e-5, atol=1e-6, err_msg=side
        )


def early_requests() -> RequestBatch:
    """At a time that few edges precede, so that users and items have next to nothing in common."""
    random = np.random.default_rng(3)
    lengths = random.integers(1, 4, 40)
    total = int(lengths.sum())
    return RequestBatch(
        users=random.integers(0, small_records.USERS, 40),
        times=np.full(40, 25),
        item_node_set="video",
        items=random.integers(0, small_records.VIDEOS, total),
        candidate_splits=np.concatenate([[0], np.cumsum(lengths)]),
        readout={
            "scenario": small_records.pa.array(random.choice(["feed", "search"], total)),
            "hour": small_records.pa.array(random.integers(0, 24, total)),
            "click": small_records.pa.array(np.full(total, np.nan, np.float32)),
            "watch_ms": small_records.pa.array(np.full(total, np.nan, np.float32)),
        },
    )


def num_nodes(record: bytes) -> list[int]:
    features = tf.train.Example.FromString(record).features.feature
    return [features[f"nodes/{name}.#size"].int64_list.value[0] for name in ("user", "video", "room")]


@pytest.mark.slow
def test_cached_states_rank_a_user_s_subgraph_as_the_whole_request(signatures, store) -> None:
    """Where user and items share no node, so that their states are those of the request."""
    requests = early_requests()
    encoder = RequestEncoder(store=store, sampling=small_records.SAMPLING, computed=small_records.COMPUTED)
    whole, of_users = encoder.encode(requests).examples, encoder.encode(requests, with_items=False).examples
    tables = Requests.model_validate(small_records.TABLES["requests"])
    solo = SoloExamples(store=store, sampling=small_records.SAMPLING, requests=tables)
    of_each = solo.items("video", requests.items, requests.times[requests.candidate_requests])
    states = signatures["encode_item"](examples=tf.constant(of_each))["state"].numpy()
    cached = signatures["rank_cached"](examples=tf.constant(of_users), item_states=tf.constant(states))
    ranked = signatures["rank"](examples=tf.constant(whole))
    lengths, sizes = np.diff(requests.candidate_splits), np.array([num_nodes(item) for item in of_each])
    of_items = np.add.reduceat(sizes, requests.candidate_splits[:-1])
    together = np.array([num_nodes(record) for record in whole])
    apart = (np.array([num_nodes(record) for record in of_users]) + of_items == together).all(axis=1)
    rows = np.repeat(apart, lengths)
    assert rows.sum() >= 5
    for task in ("click", "watch_time", "combined"):
        np.testing.assert_allclose(cached[task][rows], ranked[task][rows], rtol=1e-5, atol=1e-5, err_msg=task)


@pytest.mark.slow
def test_an_item_that_nobody_knows_has_a_state_of_zeros(signatures, served, questions) -> None:
    def untied(record: bytes) -> bytes:
        example = tf.train.Example.FromString(record)
        for name in ("video", "room"):
            features = example.features.feature
            features[f"edges/{READOUT}/item/{name}.#size"].int64_list.value[:] = [0]
            features[f"edges/{READOUT}/item/{name}.#source"].int64_list.value[:] = []
            features[f"edges/{READOUT}/item/{name}.#target"].int64_list.value[:] = []
        return example.SerializeToString()

    examples = tf.constant([untied(record) for record in served.records])
    states = np.zeros_like(questions["rank_cached"]["item_states"])
    ranked, cached = (
        signatures["rank"](examples=examples),
        signatures["rank_cached"](examples=examples, item_states=tf.constant(states)),
    )
    np.testing.assert_allclose(cached["click"], ranked["click"], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_item_states_that_don_t_fit_are_refused(signatures, served, questions) -> None:
    examples, states = tf.constant(served.records), questions["rank_cached"]["item_states"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="item_states: expected one row a candidate"):
        signatures["rank_cached"](examples=examples, item_states=tf.constant(states[:-1]))
    for number in (np.nan, np.inf):
        wrong = states.copy()
        wrong[3, 2] = number
        with pytest.raises(tf.errors.InvalidArgumentError, match="item_states: expected finite numbers"):
            signatures["rank_cached"](examples=examples, item_states=tf.constant(wrong))


def test_the_combined_score_is_of_binary_tasks_unless_told_otherwise(served_run) -> None:
    tasks = served_run.config.model.tasks
    assert combined_weights(tasks) == combined_weights(tasks, {}) == {"click": 1.0}
    assert combined_weights({"watch_time": tasks["watch_time"]}) == {"watch_time": 0.5}
    assert combined_weights(tasks, {"watch_time": 3}) == {"watch_time": 3.0}


def test_unknown_tasks_and_taken_names_are_told(served_run) -> None:
    assert output_problems(["click"], ["clik"]) == [
        "export.combined.clik: there is no task 'clik': did you mean 'click'?"
    ]
    assert output_problems(["combined"], []) == [
        "model.tasks.combined: a served model has another output of that name: choose another one"
    ]
