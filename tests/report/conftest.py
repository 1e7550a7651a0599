"""Run directories as a training leaves them, with made-up numbers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfgrec.config import RunConfig
from tfgrec.config.model import TaskConfig
from tfgrec.metrics import cold_start, evaluate_predictions
from tfgrec.run.run_directory import RunDirectory

TASKS = {
    "is_click": TaskConfig(label="is_click"),
    "is_like": TaskConfig(label="is_like"),
    "watch_time": TaskConfig(label="watch_time_ms", kind="regression", scale=1000),
}
SCENARIOS = ("feed", "discover", "live_feed")


def made_up_predictions(*, rows: int, quality: float, seed: int) -> pd.DataFrame:
    """Rows that depend on `rows` alone, and predictions that hear the truth `quality` times as loud as noise."""
    generator = np.random.default_rng(rows)
    truth = generator.normal(size=rows)
    click_rate = 1 / (1 + np.exp(-1.5 * truth))
    click = generator.random(rows) < click_rate
    columns = {
        "request": np.arange(rows) // 4,
        "user": np.arange(rows) // 4 % max(rows // 20, 1),
        "scenario": generator.choice(SCENARIOS, size=rows, p=(0.6, 0.3, 0.1)),
        "label/is_click": click.astype(np.float32),
        "label/is_like": (click & (generator.random(rows) < 0.1 * click_rate)).astype(np.float32),
        "label/watch_time": np.where(click, 9_000 * np.exp(truth), 0).astype(np.float32),
    }
    heard = quality * truth + np.random.default_rng([seed, 1]).normal(size=rows)
    columns["prediction/is_click"] = 1 / (1 + np.exp(-heard))
    columns["prediction/is_like"] = 0.06 / (1 + np.exp(-heard))
    columns["prediction/watch_time"] = 6_000 * np.exp(0.5 * heard)
    return pd.DataFrame(columns)


def made_up_history(*, steps: int, two_phases: bool) -> list[dict]:
    generator = np.random.default_rng(steps)
    lines = []
    for step in range(20, steps + 1, 20):
        ranking = not two_phases or step > steps // 3
        decay = np.exp(-step / steps * 3)
        losses = {"loss/auto_encoder": 1 + 2 * decay}
        if ranking:
            losses |= {"loss/is_click": 0.6 + 0.1 * decay, "loss/is_like": 0.1 + 0.1 * decay, "loss/watch_time": 0.5}
        losses = {name: value + 0.02 * generator.normal() for name, value in losses.items()}
        line = {"step": step, "phase": "ranking" if ranking else "pretraining", "epoch": step * 3 // steps}
        line |= {"loss": sum(losses.values()), **losses, "learning_rate": 1e-3 * decay}
        line |= {name.replace("loss/", "weight/"): 1 + 0.3 * decay for name in losses}
        line |= {"requests_per_second": 900 + 50 * generator.normal(), "input_wait_share": 0.1}
        if step % 200 == 0:
            line |= {"coupling/ranking_norm": 0.5, "coupling/auto_encoder_norm": decay}
            line |= {"coupling/auto_encoder_share": decay / (0.5 + decay), "coupling/cosine": 0.1 - decay}
            line |= {
                "effective_rank/graph_user": 5.0 - decay,
                "logit_share/is_click/match": 0.4,
                "logit_share/is_click/user": decay,
            }
        lines.append(line)
    return lines


@pytest.fixture
def make_run(tmp_path) -> Callable[..., Path]:
    def make(
        folder: str, *, rows: int = 4_000, quality: float = 1.5, seed: int = 0, steps: int = 1_200, **config
    ) -> Path:
        run = RunDirectory.at(tmp_path / folder)
        values = {
            "name": "demo",
            "schema_dir": "schema",
            "split": {"column": "day", "train": [0, 1], "validation": [2, 2]},
        }
        values |= {"sampling": {"hops": [{"viewed": 2}]}, "model": {"tasks": TASKS}} | config
        run.write_config(RunConfig.model_validate(values))
        predictions = made_up_predictions(rows=rows, quality=quality, seed=seed)
        predictions.to_parquet(run.predictions)
        metrics = evaluate_predictions(predictions, tasks=TASKS, scenario="scenario", min_scenario_rows=50)
        scenarios = metrics.pop("scenarios")
        cold = cold_start(predictions.assign(cold_user=predictions.index < 90, cold_item=False), tasks=TASKS)
        run.metrics.write_text(json.dumps({"validation": metrics, "scenarios": scenarios, "cold_start": cold}))
        run.training.write_text(json.dumps({"steps": steps, "seconds": 75.0, "requests_per_second": 912.0}))
        run.logs.mkdir()
        history = made_up_history(steps=steps, two_phases=config.get("arm") in ("two_stage", "frozen_encoder"))
        run.history.write_text("".join(json.dumps(line) + "\n" for line in history))
        return run.root

    return make
