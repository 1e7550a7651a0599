"""A whole run with retrieval: trained, measured, reported, and exported as an index by the command."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tfgrec.commands.index import main, read_time
from tfgrec.errors import ConfigurationError
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.retrieval.index import load_index
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.model_stages import ModelStages


@pytest.mark.slow
def test_a_run_is_measured_and_indexed(
    retrieval_run: RunDirectory, examples: SoloExamples, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = RunDirectory.at(tmp_path / "run")
    shutil.copytree(retrieval_run.root, run.root, ignore=shutil.ignore_patterns("checkpoints", "index"))
    smaller = ["training.epochs=1", "training.diagnostics_every_steps=100", "model.encoder.rounds=1"]
    metrics = ModelStages(run.read_config(smaller), run, announce=lambda _: None).run()["retrieval"]
    assert metrics.keys() == {"recall@1", "recall@3", "ndcg@1", "ndcg@3", "requests", "items", "popularity"}
    assert metrics["popularity"].keys() == {"watched", "recent"}
    assert 0 <= metrics["recall@1"] <= metrics["recall@3"] <= 1
    report = run.report.read_text(encoding="utf-8")
    assert f"{metrics['recall@3']:.4f}" in report and "popularity: recent" in report
    history = [json.loads(line) for line in run.history.read_text().splitlines()]
    assert all("loss/retrieval" in line and "weight/retrieval" in line for line in history)

    capsys.readouterr()
    assert main(["--run-dir", str(run.root), "--time", "2022-05-06"]) == 0
    room, video = (Path(line) for line in capsys.readouterr().out.splitlines())
    assert (room, video) == (run.index / "room" / "1", run.index / "video" / "1")
    found = load_index(video)(tf.constant(run_queries(examples)), 2)
    assert found["ids"].shape == (3, 2) and found["ids"].dtype == tf.int64


def run_queries(examples: SoloExamples) -> list[bytes]:
    features = {"scenario": pa.array(["feed"] * 3), "hour": pa.array([1, 2, 3])}
    return examples.users(np.arange(3), np.full(3, 1200), "video", features)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1651795200000", 1651795200000),
        ("2022-05-06", 1651795200000),
        ("2022-05-06T00:00:00Z", 1651795200000),
        ("2022-05-06T08:00:00+08:00", 1651795200000),
        ("1971-01-01T00:00:01.250", 31_536_001_250),
    ],
)
def test_times_are_read(text: str, milliseconds: int) -> None:
    assert read_time(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("yesterday", "yesterday"),
        ("1651795200", "between 1971 and 2200, received 1651795200: these look like seconds"),
        ("1651795200000000", "these look like microseconds"),
        ("1970-12-31T23:59:59", "between 1971 and 2200, received 31535999000"),
        ("2200-01-01", "received 7258118400000$"),
    ],
)
def test_what_is_no_time_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--time {text}: .*{told}"):
        read_time(text)


def test_a_run_without_retrieval_has_no_index(
    retrieval_run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = RunDirectory.at(shutil.copytree(retrieval_run.root, tmp_path / "run"))
    run.write_config(run.read_config(["model.retrieval=null"]))
    assert main(["--run-dir", str(run.root), "--time", "2022-05-06"]) == 2
    assert "was trained without model.retrieval" in capsys.readouterr().err
