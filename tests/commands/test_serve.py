"""tfgrec-serve as a user runs it: the commands that it prints for a run, run as they are."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import tensorflow as tf
from model_server_stand_in import MODEL, StandIn, grpc_server
from served_run import write_index, write_served_run

from tfgrec.commands.serve import main
from tfgrec.run.run_directory import RunDirectory
from tfgrec.skew.served_requests import ServedRequests

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-m", "tfgrec.commands.serve"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return write_served_run(tmp_path_factory.mktemp("served") / "run", name=MODEL)


@contextlib.contextmanager
def served(command: list[str]) -> Iterator[str]:
    """Runs a command that serves; yields its URL, and ends it as an operator does."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        line = process.stdout.readline()
        assert " is served at http://" in line, line
        yield line.rpartition(" ")[2].strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def printed(run: RunDirectory) -> list[list[str]]:
    """The two commands that are printed for the run."""
    command = [*SERVE, "--run-dir", str(run.root), "--port", str(free_port()), "--print-request"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [shlex.split(line) for line in done.stdout.splitlines()]


def expected_scores(run: RunDirectory, body: dict) -> dict[str, np.ndarray]:
    """What the model says of the record that the request was read off."""
    records = tf.data.TFRecordDataset([str(path) for path in (run.examples / "validation").iterdir()])
    model = tf.saved_model.load(str(run.newest_export))
    for record in records.as_numpy_iterator():
        example = tf.train.Example.FromString(record).features.feature
        users = example["nodes/user.#id"].int64_list.value
        user = users[example["edges/_readout/user.#source"].int64_list.value[0]]
        if (user, example["context/time"].int64_list.value[0]) == (body["user"], body["time"]):
            scores = model.signatures["serving_default"](examples=tf.constant([record]))
            return {name: of.numpy() for name, of in scores.items() if name != "candidates_per_request"}
    raise AssertionError("no record of this user and time")


def scores_of(answer: dict) -> dict[str, np.ndarray]:
    return {name: np.array(of, np.float32) for name, of in answer["scores"].items()}


def assert_same(scores: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert scores.keys() == expected.keys()
    for name, of in expected.items():
        np.testing.assert_allclose(scores[name], of, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_the_printed_commands_serve_and_ask(run: RunDirectory, printed: list[list[str]], tmp_path: Path) -> None:
    serve, curl = printed
    assert curl[0] == "curl"
    body = json.loads(curl[-1])
    write_index(tmp_path / "index" / "video" / "1", [503, 507, 501, 502])
    options = ["--index", str(tmp_path / "index"), "--request-log", str(tmp_path / "log"), "--request-log-share", "1"]
    with served([*serve, *options]) as url:
        asked = subprocess.run(curl, capture_output=True, text=True, check=True)
        user = {key: body[key] for key in ("user", "time")}
        user |= {"features": {"scenario": "search", "hour": 3}, "item_node_set": "video", "sort_by": "click"}
        best = httpx.post(f"{url}/rank", json={**user, "items": [503, 507, 501]}, timeout=60).json()
        found = httpx.post(f"{url}/recommend", json={**user, "candidates": 3, "count": 2}, timeout=60).json()
    assert found["items"] == best["items"][:2] and found["scores"]["click"] == best["scores"]["click"][:2]
    answer = json.loads(asked.stdout)
    assert answer["items"] == body["items"]
    assert_same(scores_of(answer), expected_scores(run, body))
    # Nothing is lost of what a service was at when it was ended.
    logged, *others = ServedRequests(tmp_path / "log")
    assert len(others) == 2
    assert logged.model == f"{MODEL}/1"
    assert_same(logged.scores, scores_of(answer))


@pytest.mark.slow
def test_a_model_server_is_asked_by_grpc_and_may_go_and_come(run: RunDirectory, printed: list[list[str]]) -> None:
    body = json.loads(printed[1][-1])
    stand_in = StandIn(run.newest_export)
    command = [*SERVE, "--run-dir", str(run.root), "--port", "0", "--model-server"]
    with contextlib.ExitStack() as started:
        with grpc_server(stand_in) as address:
            url = started.enter_context(served([*command, address]))
            first = httpx.post(f"{url}/rank", json=body, timeout=60)
            assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
        assert_same(scores_of(first.json()), expected_scores(run, body))
        gone = httpx.post(f"{url}/rank", json=body, timeout=60)
        assert gone.status_code == 503
        assert gone.json()["error"].startswith(f"model server {address}: ")
        with grpc_server(stand_in, port=int(address.rpartition(":")[2])):
            deadline = time.monotonic() + 60
            while (again := httpx.post(f"{url}/rank", json=body, timeout=60)).status_code != 200:
                assert time.monotonic() < deadline, again.text
                time.sleep(0.1)
    assert again.json() == first.json()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--model-server", "somewhere"], "--model-server somewhere: expected HOST:PORT or http://HOST:PORT"),
        (["--model-version", "7"], "has no version 7 of the exported model"),
        (["--graph", "/no/graph"], "/no/graph"),
    ],
)
def test_wrong_options_are_told_in_a_line(
    run: RunDirectory, options: list[str], complaint: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["--run-dir", str(run.root), *options]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.startswith("error: ") and told.count("\n") == 1


def test_a_port_that_is_taken_is_told_in_a_line(run: RunDirectory, capsys: pytest.CaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # The model would be loaded for nothing.
        assert main(["--run-dir", str(run.root), "--model-server", "localhost:1", "--port", str(port)]) == 2
    assert f"--host 127.0.0.1 --port {port}: can't listen there: Address already in use" in capsys.readouterr().err
