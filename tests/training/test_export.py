"""The exported model scores as the trained one does, in a process that knows TensorFlow alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_records
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import tfgrec.serving.exported.export
from tfgrec.config.model import AutoEncoderConfig
from tfgrec.graph.schema import READOUT
from tfgrec.serving.exported.export import ExportError, export_model
from tfgrec.serving.signatures.scoring import make_scoring_function
from tfgrec.training.run_model import RunModel

pytestmark = pytest.mark.slow

SERVE = """
import json, sys
import tensorflow as tf

def score(path, records):
    loaded = tf.saved_model.load(path)
    outputs = loaded.signatures["serving_default"](examples=tf.constant(records))
    return {name: (values.dtype.name, values.numpy().tolist()) for name, values in outputs.items()}

scores = [
    [score(path, list(tf.data.TFRecordDataset(file).as_numpy_iterator())) for file in files]
    for path, files in json.loads(sys.argv[1])
]
libraries = ("tfgrec", "tensorflow_gnn", "tf_keras", "tensorflow_recommenders")
print(json.dumps({"scores": scores, "strangers": [name for name in libraries if name in sys.modules]}))
"""


@pytest.fixture(scope="module")
def exported(joint: RunModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(joint, tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def no_graph(joint: RunModel) -> RunModel:
    model = joint.config.model.model_copy(update={"numeric_transforms": ["log", "piecewise"]})
    return RunModel(joint.config.model_copy(update={"arm": "no_graph", "model": model}), joint.run)


def export(of_run: RunModel, folder: Path) -> Path:
    return export_model(
        of_run.model,
        schema=of_run.serving_schema,
        folder=folder,
        sample=of_run.sample("validation"),
        extra={"tasks": ["click", "watch_time"]},
    )


def without_label_features(record: bytes) -> bytes:
    example = tf.train.Example.FromString(record)
    for name in small_records.LABELS:
        del example.features.feature[f"nodes/{READOUT}.{name}"]
    return example.SerializeToString()


def test_a_process_with_tensorflow_alone_gets_the_trainer_s_scores(
    joint: RunModel, exported: Path, no_graph: RunModel, tmp_path: Path
) -> None:
    records = joint.sample("validation")
    files = [str(tmp_path / name) for name in ("labelled", "unlabelled", "single")]
    small_records.write_records(files[0], records)
    small_records.write_records(files[1], [without_label_features(record) for record in records])
    small_records.write_records(files[2], records[:1])
    # With this variable TensorFlow itself imports tf_keras; servers don't set it.
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    served_alike = [(str(exported), files), (str(export(no_graph, tmp_path / "no_graph")), files[:1])]
    command = [sys.executable, "-c", SERVE, json.dumps(served_alike)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    served = json.loads(done.stdout.splitlines()[-1])
    assert served["strangers"] == []
    (labelled, unlabelled, single), (without_graph,) = served["scores"]
    assert labelled == unlabelled
    assert_scores(labelled, joint, records)
    assert_scores(without_graph, no_graph, records)
    first = single["click"][1]
    np.testing.assert_allclose(first, labelled["click"][1][: len(first)], rtol=1e-4, atol=1e-5)


def assert_scores(served: dict[str, tuple[str, list]], of_run: RunModel, records: list[bytes]) -> None:
    """What was served is what the trainer's model gives."""
    expected = make_scoring_function(of_run.model, of_run.serving_schema)(tf.constant(records))
    assert expected.keys() == {"click", "watch_time", "candidates_per_request"}
    assert served.keys() == {*expected.keys(), "combined"}
    for task in ("click", "watch_time"):
        dtype, values = served[task]
        assert dtype == "float32"
        np.testing.assert_allclose(values, expected[task].numpy(), rtol=1e-5, atol=1e-5)
    dtype, lengths = served["candidates_per_request"]
    assert dtype == "int64" and lengths == expected["candidates_per_request"].numpy().tolist()
    assert sum(lengths) == len(served["click"][1])


def test_nothing_of_the_auto_encoder_is_exported(joint: RunModel, exported: Path, tmp_path: Path) -> None:
    """On disk: as many variables, tables and nodes as a model has that was built without it."""
    model = joint.config.model.model_copy(update={"auto_encoder": AutoEncoderConfig(enabled=False)})
    plain = RunModel(joint.config.model_copy(update={"model": model}), joint.run)
    sizes = [exported_sizes(path) for path in (exported, export(plain, tmp_path))]
    assert sizes[0] == sizes[1] and sizes[0][0] > 0
    whole = sum(variable.shape.num_elements() for variable in joint.model.variables)
    decoder = sum(variable.shape.num_elements() for variable in joint.model.auto_encoder.variables)
    assert decoder > 0 and sizes[0][0] <= whole - decoder


def exported_sizes(path: Path) -> tuple[int, int, int]:
    """Numbers in variables, trackable objects, and nodes of all functions of an exported model."""
    variables = tf.train.list_variables(str(path / "variables" / "variables"))
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]
    nodes = len(saved.graph_def.node) + sum(len(function.node_def) for function in saved.graph_def.library.function)
    return sum(int(np.prod(shape)) for _, shape in variables), len(saved.object_graph_def.nodes), nodes


def test_versions_count_up_and_say_what_they_are(no_graph: RunModel, exported: Path) -> None:
    assert exported.name == "1"
    (exported.parent / "10").mkdir()
    assert export(no_graph, exported.parent).name == "11"
    said = json.loads((exported / "assets.extra" / "tfgrec.json").read_text())
    assert said["tasks"] == ["click", "watch_time"] and said["serving"]["contract"] == 1


def test_a_model_that_scores_otherwise_is_not_published(
    no_graph: RunModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = tfgrec.serving.exported.export.load_signatures

    def load_badly(path: Path):
        answers = load(path)
        rank = answers["rank_cached"]
        badly = lambda **inputs: {name: values + 1 for name, values in rank(**inputs).items()}  # noqa: E731
        return {**answers, "rank_cached": badly}

    monkeypatch.setattr(tfgrec.serving.exported.export, "load_signatures", load_badly)
    with pytest.raises(ExportError, match="rank_cached: .* differs from the trained model's by up to 1"):
        export(no_graph, tmp_path)
    assert list(tmp_path.iterdir()) == []
