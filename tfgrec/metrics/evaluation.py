"""All metrics of a table of predictions, over all rows and by scenario."""

from typing import Any

import numpy as np
import pandas as pd

from tfgrec.config.model import TaskConfig
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.metrics.classification import auc, calibration, gauc, log_loss
from tfgrec.metrics.regression import concordance, mae

METRICS = {"binary": ("auc", "gauc", "log_loss", "calibration"), "regression": ("mae", "concordance")}
LOWER_IS_BETTER = ("log_loss", "mae")
_WITHOUT_USERS = {
    "auc": auc,
    "log_loss": log_loss,
    "calibration": calibration,
    "mae": mae,
    "concordance": concordance,
}
_OTHER_KEYS = ("rows", "requests", "scenarios")


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


def task_rows(predictions: pd.DataFrame, task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and predictions (float64) and users, of the rows `[num_labelled]` whose label is not missing.

    Raises:
      InputDataError: a prediction is not finite.
    """
    labels = predictions[f"label/{task}"].to_numpy(dtype=np.float64)
    scores = predictions[f"prediction/{task}"].to_numpy(dtype=np.float64)
    bad = ~np.isfinite(scores)
    if bad.any():
        raise InputDataError(f"predictions: column 'prediction/{task}' has {int(bad.sum())} values that are not finite")
    known = ~np.isnan(labels)
    return labels[known], scores[known], predictions["user"].to_numpy()[known]


def task_metric(metric: str, labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> float | None:
    """One of METRICS on rows of a task, all `[num_rows]`; None where it is undefined."""
    if metric == "gauc":
        return gauc(labels, scores, users)
    return _WITHOUT_USERS[metric](labels, scores)


def evaluate_tasks(predictions: pd.DataFrame, tasks: dict[str, TaskConfig]) -> dict[str, Any]:
    """{task: {metric: value or None}} over all rows."""
    rows = {name: task_rows(predictions, name) for name in tasks}
    return {
        name: {metric: task_metric(metric, *rows[name]) for metric in METRICS[task.kind]}
        for name, task in tasks.items()
    }


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
