"""A small run whose requests a service takes, with a model that is quick to write and to load."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import small_records
import tensorflow as tf
import yaml

from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.times import EARLIEST
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.exported.saved_model import EXTRA_ASSETS


def write_served_run(root: Path, *, name: str = "small", train_requests: int = 30) -> RunDirectory:
    """A run with a model that reads of requests what the graph and the caller have to say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_records, "_random_requests", _since_1971(small_records._random_requests))
        small_records.write_small_run(root, train_requests=train_requests)
    tables = yaml.safe_load((root / "schema" / "tables.yaml").read_text())
    tables["requests"]["sources"].append(
        {**tables["requests"]["sources"][0], "item": "room_id", "item_node_set": "room"}
    )
    (root / "schema" / "tables.yaml").write_text(yaml.safe_dump(tables))
    config = yaml.safe_load((root / "config.yaml").read_text())
    (root / "config.yaml").write_text(yaml.safe_dump({**config, "name": name}))
    write_model(root / "export" / "1")
    return RunDirectory.open(root)


def write_model(path: Path, *, of_scenario: float = 0.01) -> None:
    """A SavedModel that scores candidates by their hour, their scenario's length, and edges of user and request."""
    names = {"hour": tf.int64, "user_watched": tf.float32, "scenario": tf.string}
    read = {name: tf.io.RaggedFeature(dtype, f"nodes/_readout.{name}") for name, dtype in names.items()}
    read["watched"] = tf.io.RaggedFeature(tf.int64, "edges/watched.#target")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        values = tf.io.parse_example(examples, read)
        hours = tf.cast(values["hour"], tf.float32)
        scenarios = tf.cast(tf.strings.length(values["scenario"].flat_values), tf.float32)
        edges = tf.cast(values["watched"].row_lengths(), tf.float32)
        of_candidates = hours.flat_values + scenarios * of_scenario + values["user_watched"].flat_values * 100
        return {
            "click": of_candidates + 10_000 * tf.repeat(edges, hours.row_lengths()),
            "candidates_per_request": hours.row_lengths(),
        }

    module = tf.Module()
    module.score = score
    tf.saved_model.save(module, str(path), signatures={"serving_default": score})


def write_index(path: Path, ids: Sequence[int]) -> None:
    """An index as tfgrec-index writes it, which finds the same items for everybody, in this order."""

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name="examples"), tf.TensorSpec([], tf.int32, name="k")]
    )
    def find(examples: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.tile(tf.constant([ids], tf.int64)[:, :k], [tf.size(examples), 1])
        return {"ids": found, "scores": tf.zeros_like(found, tf.float32)}

    module = tf.Module()
    module.find = find
    tf.saved_model.save(module, str(path), signatures={"serving_default": find})
    (path / EXTRA_ASSETS).parent.mkdir()
    (path / EXTRA_ASSETS).write_text(json.dumps({"search": "brute_force"}))


def _since_1971(make: Callable[..., RequestBatch]) -> Callable[..., RequestBatch]:
    """The same requests at times that a service takes."""

    def later(*arguments: object) -> RequestBatch:
        requests = make(*arguments)
        return dataclasses.replace(requests, times=requests.times + EARLIEST)

    return later
