"""The load test in short: a service is asked and killed, and every event that it acknowledged is kept once."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from model_server_stand_in import MODEL, StandIn, http_server, rest_app
from tiny_world import write_tiny_world

from beam_jobs import build_graph
from benchmarks import serving_load


def write_model(path: Path) -> None:
    """Scores each candidate by how many the request has: a model is no part of what is tested here."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        sizes = tf.io.parse_example(examples, {"nodes/_readout.#size": tf.io.FixedLenFeature([], tf.int64)})
        counts = sizes["nodes/_readout.#size"]
        return {"click": tf.cast(tf.repeat(counts, counts), tf.float32), "candidates_per_request": counts}

    module = tf.Module()
    module.score = score
    tf.saved_model.save(module, str(path), signatures={"serving_default": score})


@pytest.mark.slow
def test_a_killed_service_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    write_tiny_world(tmp_path)
    given = ["--config", str(tmp_path / "config.yaml"), "--data", str(tmp_path / "data")]
    assert build_graph.main([*given, "--output", str(tmp_path / "graph")]) == 0
    write_model(tmp_path / "model")
    found = tmp_path / "found.json"
    # By REST, so that the service starts without TensorFlow.
    with http_server(rest_app(StandIn(tmp_path / "model"))) as url:
        code = serving_load.main(
            ["--run-dir", str(tmp_path), *given[2:], "--minutes", "0.15", "--clients", "1", "2", "--rows", "5000"]
            + ["--model-server", url, "--model-name", MODEL, "--json", str(found)]
        )
    told = json.loads(found.read_text())
    assert code == 0, told
    assert told["errors"] == told["log"]["lost"] == told["log"]["twice"] == 0
    assert told["connections_lost_by_the_kill"] > 0 and len(told["seconds_down"]) == 1
    assert told["log"]["acknowledged_rows"] > 0
    assert told["answers"] > told["log"]["acknowledged_rows"] // 5
    assert told["memory_of_the_last_half"]["anonymous_mb"] > 10
    assert not (tmp_path / "graph.log").exists()
