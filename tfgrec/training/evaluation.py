"""Predictions for every candidate of a split, from one pass over its files with nothing dropped, and their metrics."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import tensorflow as tf

from tfgrec.config import RunConfig
from tfgrec.config.model import TaskConfig
from tfgrec.data.examples_directory import Split
from tfgrec.data.parsed_records import read_records
from tfgrec.data.prediction_rows import PredictionRows
from tfgrec.files import write_atomically, write_json
from tfgrec.graph.sampling.events_of_roots import RootEvents
from tfgrec.graph.schema import GraphSchema
from tfgrec.metrics import cold_start, evaluate_predictions
from tfgrec.progress import stage_progress
from tfgrec.serving.signatures.names import CANDIDATES_PER_REQUEST
from tfgrec.serving.signatures.scoring import ScoringFunction


def predict(
    score: ScoringFunction,
    *,
    split: Split,
    schema: GraphSchema,
    tasks: Mapping[str, TaskConfig],
    scenario: str | None,
    batch_size: int,
    events: Mapping[str, RootEvents] | None = None,
) -> pd.DataFrame:
    """Scores all requests of a split, in the order of its files.

    Args:
      score: the trained model's scoring function, or the `serving_default` signature of an exported one.
      split: files of requests with labels.
      schema: what the records hold, labels included.
      tasks: the model's tasks.
      scenario: the `_readout` feature for column `scenario`, or None.
      batch_size: requests scored at once.
      events: what of the records shows that users and items had events, see `events_of_roots`.

    Returns:
      One row a candidate: `request`, `user`, `time`, `item`, `scenario`, `cold_user`, `cold_item` (see PredictionRows),
      and `label/<task>` and `prediction/<task>` float32 for each task, as `tfgrec.metrics.evaluate_predictions` wants
      them.
    """
    labels = {f"label/{name}": task.label for name, task in tasks.items()}
    rows = PredictionRows(schema, labels=labels, scenario=scenario, events=events)
    tables = []
    with stage_progress("scoring", split.num_requests, unit="requests") as advance:
        for serialized in read_records(split.records).batch(batch_size).prefetch(tf.data.AUTOTUNE):
            table = rows.read(serialized)
            with advance.held_up("TensorFlow compiles the model") if not tables else contextlib.nullcontext():
                scores = score(serialized)
            for name in tasks:
                table[f"prediction/{name}"] = scores[name].numpy()
            tables.append(table)
            advance(len(scores[CANDIDATES_PER_REQUEST]))
    return pd.concat(tables, ignore_index=True)


def evaluate(predictions: pd.DataFrame, config: RunConfig, *, part: str = "validation") -> dict[str, Any]:
    """What metrics.json says of a table of predictions: over all rows, by the part's name, `scenarios` and
    `cold_start`.
    """
    metrics = evaluate_predictions(
        predictions,
        tasks=config.model.tasks,
        scenario=config.evaluation.scenario,
        min_scenario_rows=config.evaluation.min_scenario_rows,
    )
    scenarios = metrics.pop("scenarios")
    cold = cold_start(predictions, tasks=config.model.tasks)
    return {part: metrics, "scenarios": scenarios, "cold_start": cold}


def write_evaluation(predictions: pd.DataFrame, metrics: Mapping[str, Any], *, table: Path, summary: Path) -> None:
    """Writes predictions as Parquet and metrics as JSON, each whole or not at all."""
    write_predictions(predictions, table)
    write_json(summary, metrics)


def write_predictions(predictions: pd.DataFrame, table: Path) -> None:
    """Writes predictions as Parquet, whole or not at all."""
    write_atomically(table, lambda file: predictions.to_parquet(file, index=False))
