"""TFX's Trainer with our run_fn, called as TFX calls it: on sampled records, killed, started from a model, remote."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from memory_artifacts import FILES, ROOT
from small_records import CONFIG, write_small_run
from tfx.components.trainer.executor import GenericExecutor
from tfx.types.standard_artifacts import Examples, Model, ModelRun
from tfx.utils import json_utils

from tfgrec import files
from tfgrec.config import load_run_config
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.store.layout import sealed
from tfgrec.training.step_log import StepLog
from tfx_pipeline.inputs.run_spec import RunSpec
from tfx_pipeline.training import run_fn as module
from tfx_pipeline.training.trained_model import RunOfModel, read_run

# 120 requests in 4 batches.
TRAINING = {**CONFIG["training"], "epochs": 1, "batch_size": 30, "checkpoint_every_steps": 2, "log_every_steps": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`examples`, laid out as TFX has it, and `run`, what they were made from."""
    root = tmp_path_factory.mktemp("data")
    run = write_small_run(root / "run")
    manifest = json.loads((run / "examples" / "manifest.json").read_text())
    del manifest["sha256"]
    for split, name in (("train", "Split-train"), ("validation", "Split-eval")):
        shutil.copytree(run / "examples" / split, root / "examples" / name)
        for shard in manifest["splits"][split]["shards"]:
            shard["path"] = shard["path"].replace(split, name)
    (root / "examples" / "manifest.json").write_text(json.dumps(sealed(manifest)))
    (run / "schema" / "graph.pbtxt").write_text("")
    (run / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "training": TRAINING}))
    return root


def execute(
    data: Path,
    outputs: str,
    *,
    base_model: str | None = None,
    examples: str | None = None,
    overrides: tuple[str, ...] = (),
    **settings: Any,
) -> None:
    """What TFX does once it knows the artifacts: model and model_run are to be below `outputs`."""
    artifacts = [Examples(), Model(), ModelRun(), Model()]
    uris = [examples or str(data / "examples"), f"{outputs}/model", f"{outputs}/model_run", base_model or ""]
    for artifact, uri in zip(artifacts, uris, strict=True):
        artifact.uri = uri
    artifacts[0].split_names = '["train", "eval"]'
    inputs = {"examples": artifacts[:1], **({"base_model": artifacts[3:]} if base_model else {})}
    spec = RunSpec.of(load_run_config(data / "run" / "config.yaml", overrides)).to_json()
    custom = {"spec": spec, "fingerprint": "monday", "span": 20000, "work_dir": "", **settings}
    properties = {"run_fn": f"{module.__name__}.run_fn", "train_args": "{}", "eval_args": "{}"}
    properties["custom_config"] = json_utils.dumps(custom)
    GenericExecutor().Do(inputs, {"model": artifacts[1:2], "model_run": artifacts[2:3]}, properties)


class Stopped(Exception):
    """Raised in the place of a training."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configuration and the run directory of each training that would have begun; none does."""
    found: list[Any] = []

    def run(self) -> None:
        found.append((self._config, self._run))
        raise Stopped

    monkeypatch.setattr(module.ModelStages, "run", run)
    return found


def test_records_and_settings_reach_the_training(data: Path, tmp_path: Path, started: list) -> None:
    work = tmp_path / "work"
    with pytest.raises(Stopped):
        execute(data, str(tmp_path), work_dir=str(work), overrides=("training.epochs=7", "arm=no_graph"))
    [(config, run)] = started
    assert config.training.epochs == 7 and config.arm == "no_graph" and config.training.warm_start_from is None
    assert run.root == work / "monday" and run.examples == data / "examples"
    assert ExamplesDirectory.open(run.examples).split("train").num_requests > 0
    assert (work / "monday" / "schema" / "tables.yaml").exists()
    # Kept for the next call, and only where that was asked for.
    with pytest.raises(Stopped):
        execute(data, str(tmp_path))
    assert started[1][1].root != run.root and not started[1][1].root.exists()


def test_what_is_half_removed_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"work_dir": str(tmp_path), "fingerprint": "monday"}

    def killed(folder: Path, **_: Any) -> None:
        if Path(folder).exists():
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module.shutil, "rmtree", killed)
        with module._work_folder(settings) as folder:
            (folder / "checkpoints").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["monday.done"]
    with module._work_folder(settings) as folder:
        assert [path.name for path in tmp_path.iterdir()] == ["monday"] and not any(folder.iterdir())
    assert not any(tmp_path.iterdir())


def test_remote_records_are_read_from_a_copy(data: Path, tmp_path: Path, started: list) -> None:
    FILES.clear()
    for path in (data / "examples").rglob("*.*"):
        FILES[f"{ROOT}/examples/{path.relative_to(data / 'examples').as_posix()}"] = path.read_bytes()
    with pytest.raises(Stopped):
        execute(data, str(tmp_path), examples=f"{ROOT}/examples")
    FILES.clear()
    [(_, run)] = started
    assert run.examples != data / "examples" and not run.examples.exists()


def test_records_on_an_object_store_are_read_in_place(
    data: Path, tmp_path: Path, started: list, s3_folder: str
) -> None:
    files.send(data / "examples" / "manifest.json", f"{s3_folder}/manifest.json")
    with pytest.raises(Stopped):
        execute(data, str(tmp_path), examples=s3_folder)
    [(_, run)] = started
    assert run.examples == s3_folder and run.examples_manifest == f"{s3_folder}/manifest.json"
    with pytest.raises(InputDataError, match=rf"^{s3_folder}/Split-train/part-00000-of-.*tfrecord: is missing"):
        ExamplesDirectory.open(run.examples)


def test_a_blessed_model_that_can_not_be_read_is_named_and_not_taken(
    data: Path, tmp_path: Path, started: list, capsys: pytest.CaptureFixture
) -> None:
    for base in (str(tmp_path / "old"), f"{ROOT}/old"):
        with pytest.raises(Stopped):
            execute(data, str(tmp_path), base_model=base)
        said = capsys.readouterr().out
        assert "training: begins anew, since the blessed model can't be a start: " in said
        assert f"{base}/training" in said
    assert [config.training.warm_start_from for config, _ in started] == [None, None]


def test_a_work_folder_is_local(data: Path, tmp_path: Path, started: list) -> None:
    with pytest.raises(ConfigurationError, match=r"work folder gs://bucket/work: expected a folder on a local or moun"):
        execute(data, str(tmp_path), work_dir="gs://bucket/work")
    assert started == []


def test_the_trainer_is_one_process(data: Path, tmp_path: Path, started: list) -> None:
    with pytest.raises(ConfigurationError, match=r"training.distribution: multi_worker takes a tfgrec-train on each"):
        execute(data, str(tmp_path), overrides=("training.distribution=multi_worker",))
    assert started == []


def test_errors_come_out_as_they_are(data: Path, tmp_path: Path) -> None:
    spoiled = shutil.copytree(data / "examples", tmp_path / "examples")
    next((spoiled / "Split-train").iterdir()).write_bytes(b"")
    with pytest.raises(InputDataError, match=r"Split-train/part-.*has 0 bytes, the manifest says"):
        execute(data, str(tmp_path), examples=str(spoiled))


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of a training that was killed after step 3 and called again."""
    root = tmp_path_factory.mktemp("first")
    add = StepLog.add

    def add_or_stop(self, *arguments: Any, **keywords: Any) -> None:
        add(self, *arguments, **keywords)
        if self._position.step == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(StepLog, "add", add_or_stop)
        execute(data, str(root / "killed"), work_dir=str(root / "work"))
    assert not (root / "killed" / "model").exists()
    execute(data, str(root), work_dir=str(root / "work"))
    return root


@pytest.mark.slow
def test_a_killed_training_is_gone_on_with(model: Path) -> None:
    lines = (model / "model_run" / "logs" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    # Two processes' events: the second one went on after the checkpoint of step 2.
    assert len(list((model / "model_run" / "logs").glob("events.out.tfevents.*"))) == 2
    assert not any((model / "work").iterdir())


@pytest.mark.slow
def test_everything_is_where_tfx_and_later_runs_look(data: Path, model: Path) -> None:
    served = tf.saved_model.load(str(model / "model" / "Format-Serving")).signatures["serving_default"]
    files = [str(path) for path in sorted((data / "examples" / "Split-eval").iterdir())]
    records = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    predictions = pd.read_parquet(model / "model_run" / "predictions.parquet")
    scores = served(examples=tf.constant(records))["click"].numpy()
    np.testing.assert_allclose(scores, predictions["prediction/click"], atol=1e-5)
    assert {path.name for path in (model / "model_run").iterdir()} == {
        *("logs", "metrics.json", "predictions.parquet", "report.html")
    }
    assert {path.name for path in (model / "model" / "training").iterdir()} == {
        *("checkpoints", "config.yaml", "run.json", "schema", "training.json")
    }
    assert read_run(str(model / "model")) == RunOfModel(fingerprint="monday", span=20000)


@pytest.mark.slow
def test_a_later_run_starts_from_it_anywhere(data: Path, model: Path, capsys: pytest.CaptureFixture) -> None:
    FILES.clear()
    for path in (model / "model").rglob("*"):
        if path.is_file():
            FILES[f"{ROOT}/first/{path.relative_to(model / 'model').as_posix()}"] = path.read_bytes()
    of = {"fingerprint": "tuesday", "span": 20001, "base_model": f"{ROOT}/first"}
    execute(data, f"{ROOT}/second", **of)
    said = capsys.readouterr().out
    assert "variables" in said and "training: starts from " in said and "fresh" not in said
    assert read_run(f"{ROOT}/second/model") == RunOfModel(fingerprint="tuesday", span=20001)
    [first, second] = [
        json.loads(text.splitlines()[0])
        for text in (
            (model / "model_run" / "logs" / "history.jsonl").read_text(),
            FILES[f"{ROOT}/second/model_run/logs/history.jsonl"].decode(),
        )
    ]
    assert second["loss/watch_time"] < first["loss/watch_time"] - 0.01
    assert f"{ROOT}/second/model/Format-Serving/saved_model.pb" in FILES
    assert b"<html" in FILES[f"{ROOT}/second/model_run/report.html"]
    FILES.clear()
