"""All metrics of a table of predictions, over all rows and by scenario."""

from typing import Any

import numpy as np
import pandas as pd

from tfgrec.config.model import TaskConfig
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.metrics.entries import METRICS, metric_names
from tfgrec.metrics.metric import TaskRows

# Of metrics.json, beside tasks: the last two of its part `test`.
_OTHER_KEYS = ("rows", "requests", "scenarios", "cold_start", "retrieval")


def evaluate_predictions(
    predictions: pd.DataFrame, *, tasks: dict[str, TaskConfig], scenario: str | None, min_scenario_rows: int
) -> dict[str, Any]:
    """Measures every task, over all rows and within each scenario that has at least `min_scenario_rows` rows.

    `predictions` has one row a candidate, with columns `user`, `request`, `label/<task>` (NaN where missing: such
    rows are left out of that task), `prediction/<task>` (probabilities, or values in label units) and, unless
    `scenario` is None, `scenario`.

    Returns:
      {task: {metric: value or None}, "rows": n, "requests": n, "scenarios": {value: {task: ..., "rows": n}}}.

    Raises:
      InputDataError: a column is missing, or a prediction is not finite.
      ConfigurationError: a task's name is one of the other keys.
    """
    for name in set(tasks) & set(_OTHER_KEYS):
        raise ConfigurationError(f"model.tasks: a task can't be called '{name}', metrics.json uses that key itself")
    needed = ["user", "request", *(f"{part}/{task}" for task in tasks for part in ("label", "prediction"))]
    check_columns(predictions, [*needed, "scenario"] if scenario is not None else needed)
    result: dict[str, Any] = evaluate_tasks(predictions, tasks)
    result["rows"] = len(predictions)
    result["requests"] = int(predictions["request"].nunique())
    result["scenarios"] = {}
    if scenario is not None:
        for value, rows in predictions.groupby("scenario", sort=True):
            if len(rows) >= min_scenario_rows:
                result["scenarios"][_text(value)] = {**evaluate_tasks(rows, tasks), "rows": len(rows)}
    return result


def check_columns(predictions: pd.DataFrame, needed: list[str]) -> None:
    """Raises InputDataError naming the columns that a table of predictions lacks."""
    missing = [name for name in needed if name not in predictions.columns]
    if missing:
        raise InputDataError(
            f"predictions: no column {', '.join(map(repr, missing))}; columns are {', '.join(predictions.columns)}"
        )


def task_rows(predictions: pd.DataFrame, task: str) -> TaskRows:
    """The rows of a task whose label is not missing.

    Raises:
      InputDataError: a prediction is not finite.
    """
    labels = predictions[f"label/{task}"].to_numpy(dtype=np.float64)
    scores = predictions[f"prediction/{task}"].to_numpy(dtype=np.float64)
    bad = ~np.isfinite(scores)
    if bad.any():
        raise InputDataError(f"predictions: column 'prediction/{task}' has {int(bad.sum())} values that are not finite")
    known = ~np.isnan(labels)
    users, requests = (predictions[name].to_numpy()[known] for name in ("user", "request"))
    return TaskRows(labels[known], scores[known], users, requests)


def task_metric(
    metric: str,
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    users: np.ndarray | None = None,
    requests: np.ndarray | None = None,
) -> float | None:
    """One of METRICS on plain columns `[num_rows]`, see TaskRows; None where it is undefined."""
    return METRICS[metric].value(TaskRows(labels, scores, users, requests))


def evaluate_tasks(predictions: pd.DataFrame, tasks: dict[str, TaskConfig]) -> dict[str, Any]:
    """{task: {metric: value or None}} over all rows."""
    rows = {name: task_rows(predictions, name) for name in tasks}
    return {
        name: {metric: METRICS[metric].value(rows[name]) for metric in metric_names(task.kind)}
        for name, task in tasks.items()
    }


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
