"""A model beside the truth: the truth against itself, noise, and rows that are not the world's."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import truth
from tfgrec.config import RunConfig
from tfgrec.metrics import task_metric
from tfgrec.run.run_directory import RunDirectory
from tfgrec.simulation import WorldSettings, create_world, simulate_interactions, write_tables

SETTINGS = WorldSettings(users=300, videos=100, live_rooms=40, authors=20, impressions=9_000)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    world = create_world(SETTINGS)
    write_tables(world, simulate_interactions(world), folder)
    return folder


@pytest.fixture(scope="module")
def predictions(data: Path) -> pd.DataFrame:
    """What a model would leave that knows the logit but for noise of the same variance."""
    known = pd.read_parquet(data / "truth.parquet").sample(frac=0.5, random_state=1).reset_index(drop=True)
    generator = np.random.default_rng(2)
    logit = np.log(known["click_probability"] / (1 - known["click_probability"]))
    heard = logit + logit.std() * generator.normal(size=len(known))
    return pd.DataFrame(
        {
            "user": known["user"],
            "time": known["time_ms"],
            "item": known["item"],
            "item_node_set": known["domain"],
            "label/click": (generator.random(len(known)) < known["click_probability"]).astype(np.float32),
            "prediction/click": 1 / (1 + np.exp(-heard)),
        }
    )


def test_the_truth_is_the_better_and_the_correlation_is_that_of_the_logits(
    data: Path, predictions: pd.DataFrame
) -> None:
    known = truth.read_truth(data)
    found = truth.compare_with_truth(predictions, known, task="click")
    assert found["truth"]["auc"] > found["model"]["auc"] + 0.03
    assert found["logit_correlation"] == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert found["rows"] == len(predictions) == sum(one["rows"] for one in found["domains"].values())
    live = predictions[predictions["item_node_set"] == "live"]
    by_hand = task_metric("auc", live["label/click"].to_numpy(float), live["prediction/click"].to_numpy())
    assert found["domains"]["live"]["model"]["auc"] == pytest.approx(by_hand)

    own = predictions.merge(known, left_on=["user", "item", "time"], right_on=["user", "item", "time_ms"])
    own["prediction/click"] = own["click_probability"]
    columns = [*predictions]
    itself = truth.compare_with_truth(own[columns], known, task="click")
    assert itself["model"] == itself["truth"] and itself["logit_correlation"] == pytest.approx(1)


def test_the_command_reads_a_run_and_refuses_another_worlds(
    data: Path, predictions: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = RunDirectory.at(tmp_path / "run")
    values = {
        "name": "demo",
        "schema_dir": "schema",
        "split": {"column": "day", "train": [0, 1], "validation": [2, 2]},
        "sampling": {"hops": [{"viewed": 2}]},
        "model": {"tasks": {"click": {"label": "is_click"}}},
    }
    run.write_config(RunConfig.model_validate(values))
    predictions.to_parquet(run.predictions)
    command = ["--data", str(data), "--run-dir", str(run.root)]
    assert truth.main([*command, "--json", str(tmp_path / "found.json")]) == 0
    written = json.loads((tmp_path / "found.json").read_text())
    assert json.loads(capsys.readouterr().out) == written
    assert written["task"] == "click" and written["truth"]["auc"] > written["model"]["auc"]

    assert truth.main([*command, "--task", "clik"]) == 2
    assert "--task clik: the run has no such task: did you mean 'click'?" in capsys.readouterr().err
    assert truth.main(["--data", str(tmp_path), "--run-dir", str(run.root)]) == 2
    assert "truth.parquet: is missing" in capsys.readouterr().err
    predictions.assign(time=predictions["time"] + 1).to_parquet(run.predictions)
    assert truth.main(command) == 2
    assert f"{len(predictions):,} of {len(predictions):,} predicted rows" in capsys.readouterr().err
