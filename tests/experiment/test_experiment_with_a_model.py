"""tfgrec-experiment with a trained arm: each night adds to the graph and trains on, and what it exports serves."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tfgrec.commands.experiment import main
from tfgrec.config import load_run_config
from tfgrec.experiment.experiment_directory import ExperimentDirectory

CONFIG = Path(__file__).parents[2] / "configs" / "experiment_demo.yaml"
WORLD = ["world.users=250", "world.videos=60", "world.live_rooms=20", "world.authors=10", "living.most_impressions=8"]
DAYS = ["pre_days=3", "days=2", "blocks_per_day=1", "retraining.every_days=1", "retraining.logs=own", "truth=false"]
# The smallest model that reads the graph.
MODEL = [
    "build.shards=1",
    "sampling.output_shards=1",
    "sampling.hops=[{viewed: 3, visited: 3}]",
    "sampling.history={}",
    "model.match={}",
    "model.fusion.match=none",
    "model.encoder={rounds: 1, units: 4}",
    "model.towers={bottom_units: [8], task_units: [4], cross_layers: 0}",
    "model.auto_encoder.enabled=false",
    "export.warm_up_requests=0",
]


@pytest.mark.slow
def test_nights_train_on_and_days_are_served(tmp_path):
    command = ["--config", str(CONFIG), "--arms", "joint", "random", "--run-dir", str(tmp_path), "--set", *WORLD, *DAYS]
    command.append(f"set=[{', '.join(json.dumps(one) for one in MODEL)}]")
    assert main(command) == 0
    found = json.loads((tmp_path / "experiment.json").read_text())
    directory = ExperimentDirectory(tmp_path)
    assert found["guard_rails"]["joint"]["error_share"]["value"] == 0
    assert found["cost"]["joint"]["training_seconds"] > 0 and found["cost"]["joint"]["requests"] > 0
    assert found["cost"]["joint"]["requests_per_second"] > 0
    assert found["cost"]["joint"]["dominated_by"] in ("training", "graph and records")
    assert {"low", "high", "cuped", "sequential"} <= set(found["differences"]["random"]["stay_duration"])
    # The second night has the first day's views of the arm's own users, and trains on from the first night.
    first, second = (directory.night(day, "joint") for day in (2, 3))
    edges = [json.loads((night.graph / "manifest.json").read_text())["edge_sets"] for night in (first, second)]
    impressions = pd.read_parquet(directory.day(3) / "impressions.parquet").query("arm == 0 and domain == 'video'")
    assert len(impressions) and edges[1]["shown"]["count"] == edges[0]["shown"]["count"] + len(impressions)
    trained = load_run_config(directory.training(3, "joint", "joint").root / "config.yaml")
    assert trained.training.warm_start_from == str(directory.training(2, "joint", "joint").root)
    # All is done: nothing is done again.
    exports = directory.training(3, "joint", "joint").newest_export
    assert main(command) == 0 and directory.training(3, "joint", "joint").newest_export == exports
