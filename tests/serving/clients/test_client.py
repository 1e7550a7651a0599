"""The clients against one small SavedModel: in the process, and behind a stand-in for TensorFlow Serving."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from model_server_stand_in import LABEL, MODEL, VERSION, StandIn, grpc_server, http_server, rest_app

from tfgrec.errors import InputDataError
from tfgrec.serving.clients import saved_model_client
from tfgrec.serving.clients.client import ModelClient, ModelServerError, rank, told
from tfgrec.serving.clients.grpc_client import GrpcClient
from tfgrec.serving.clients.rest_client import RestClient
from tfgrec.serving.clients.saved_model_client import SavedModelClient

# An "example" has a candidate for each of its bytes, whose score is the byte.
EXAMPLES = [b"\x07\x00", b"\xff", b"abc\x00\x00"]

# Of models that were loaded from a file.
DETECTED = "Detected at node a/b defined at (most recent call last):\n<stack traces unavailable>\n"

Connect = Callable[..., ModelClient]


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        lengths = tf.strings.length(examples)
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(lengths > 0), ["examples: one is empty"])]):
            cells = tf.strings.bytes_split(examples).flat_values
        scores = tf.cast(tf.io.decode_raw(cells, tf.uint8)[:, 0], tf.float32)
        return {"click": scores, "combined": scores / 2, "candidates_per_request": tf.cast(lengths, tf.int64)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="values")])
    def encode(values: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"state": 2 * values}

    path = tmp_path_factory.mktemp("model") / "1"
    module = tf.Module()
    module.score, module.encode = score, encode
    tf.saved_model.save(module, str(path), signatures={"serving_default": score, "encode": encode})
    return path


@pytest.fixture(scope="module")
def stand_in(saved_model: Path) -> StandIn:
    return StandIn(saved_model)


@pytest.fixture(scope="module")
def connect(stand_in: StandIn) -> Iterator[Connect]:
    """Makes a client, by its kind."""
    with grpc_server(stand_in) as target, http_server(rest_app(stand_in)) as url, contextlib.ExitStack() as clients:

        def make(kind: str, **options: Any) -> ModelClient:
            options = {"model": MODEL, **options}
            if kind == "saved_model":
                client = SavedModelClient(stand_in.path)
            else:
                client = GrpcClient(target=target, **options) if kind == "grpc" else RestClient(url=url, **options)
            clients.callback(client.close)
            return client

        yield make


KINDS = pytest.mark.parametrize("kind", ["saved_model", "grpc", "rest"])
REMOTE = pytest.mark.parametrize("kind", ["grpc", "rest"])


@KINDS
def test_scores_are_cut_into_requests(connect: Connect, kind: str) -> None:
    scores = rank(connect(kind), EXAMPLES)
    for of_request, example in zip(scores, EXAMPLES, strict=True):
        assert of_request.keys() == {"click", "combined"}
        assert of_request["click"].dtype == np.float32
        np.testing.assert_array_equal(of_request["click"], list(example))
        np.testing.assert_array_equal(of_request["combined"], np.array(list(example)) / 2)


@KINDS
def test_a_single_output_has_its_name(connect: Connect, kind: str) -> None:
    values = np.array([[1, 2], [3, 0.5]], np.float32)
    outputs = connect(kind).predict("encode", {"values": values})
    assert outputs.keys() == {"state"}
    np.testing.assert_array_equal(outputs["state"], 2 * values)


@KINDS
@pytest.mark.parametrize(
    ("signature", "inputs", "complaint"),
    [
        ("serving_default", {"examples": [b"a", b""]}, "^assertion failed: .examples: one is empty"),
        ("serving_default", {"exampels": [b"a"]}, "examples"),
        ("serving_default", {"examples": [1.5]}, "."),
        ("encode", {"values": [["a", "b"]]}, "."),
        ("no_such", {"examples": [b"a"]}, "no_such"),
    ],
)
def test_wrong_inputs_are_refused_in_a_line(
    connect: Connect, kind: str, signature: str, inputs: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputDataError, match=complaint) as refused:
        connect(kind).predict(signature, inputs)
    assert "\n" not in str(refused.value)
    assert "{{" not in str(refused.value)


@REMOTE
def test_versions_and_labels_are_asked_for(connect: Connect, kind: str) -> None:
    for version in (VERSION, LABEL):
        client = connect(kind, version=version)
        client.check_ready()
        assert rank(client, EXAMPLES)[1]["click"].tolist() == [255]
    for version in (VERSION + 1, "canary"):
        with pytest.raises(ModelServerError, match="not found"):
            rank(connect(kind, version=version), EXAMPLES)
    with pytest.raises(ModelServerError, match="not found"):
        connect(kind, model="other").check_ready()


@REMOTE
def test_a_model_that_is_not_loaded_is_not_ready(connect: Connect, stand_in: StandIn, kind: str) -> None:
    stand_in.loaded = False
    try:
        with pytest.raises(ModelServerError, match="no version is loaded: .*LOADING"):
            connect(kind).check_ready()
    finally:
        stand_in.loaded = True


@REMOTE
def test_an_answer_that_is_late_is_not_waited_for(connect: Connect, stand_in: StandIn, kind: str) -> None:
    stand_in.delay = 2
    try:
        with pytest.raises(ModelServerError, match="DEADLINE_EXCEEDED|Timeout"):
            rank(connect(kind, timeout=0.2), EXAMPLES)
    finally:
        stand_in.delay = 0


def test_a_server_that_is_away_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    for client in (GrpcClient(target=address, model=MODEL), RestClient(url=f"http://{address}", model=MODEL)):
        for ask in (client.check_ready, lambda client=client: rank(client, EXAMPLES)):
            with pytest.raises(ModelServerError, match=f"model server (http://)?{address}"):
                ask()
        client.close()


def test_answers_of_more_than_4_megabytes_pass(connect: Connect) -> None:
    large = bytes(range(1, 256)) * 5_000
    scores = rank(connect("grpc", timeout=60), [large, b"a"])
    np.testing.assert_array_equal(scores[0]["click"], np.frombuffer(large, np.uint8))


@pytest.mark.parametrize(
    "message",
    [
        "{}",
        "{{{{function_node __inference_1}}}} {}\n\t [[{{{{node Assert}}}}]] [Op:x]",
        "2 root error(s) found.\n  (0) INVALID_ARGUMENT:  {}\n\t [[{{{{node a}}}}]]\n  (1) x",
        "Graph execution error:\n\n"
        + 2 * DETECTED
        + "2 root error(s) found.\n  (0) INVALID_ARGUMENT:  {}\n\t [[{{{{node a/b}}}}]]\n  (1) y [Op:__inference_1]",
    ],
)
def test_what_tensorflow_says_is_cut_to_a_line(message: str) -> None:
    inner = "nodes/video.duration: expected [3] values"
    assert told(message.format(inner)) == inner


def test_a_function_s_first_call_is_no_other_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow makes it ready in each thread that comes before it is: a process kept a gigabyte of that."""
    at_work, most = [], []

    def answer(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.05)
        at_work.pop()
        return {}

    monkeypatch.setattr(saved_model_client, "load_signatures", lambda path: {"serving_default": answer})
    client = saved_model_client.SavedModelClient("anywhere")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.predict("serving_default", {"examples": [b""]}), range(8)))
        assert most[:2] == [1, 1]
        most.clear()
        list(pool.map(lambda _: client.predict("serving_default", {"examples": [b""]}), range(8)))
        assert max(most) > 1
