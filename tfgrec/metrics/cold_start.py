"""Metrics of requests and candidates without a past, beside those that have one."""

from typing import Any

import pandas as pd

from tfgrec.config.model import TaskConfig
from tfgrec.metrics.evaluation import check_columns, evaluate_tasks

# What a row's user or item is said to be by a column `cold_<whose>`.
_SIDES = {"user": "cold_user", "item": "cold_item"}


def cold_start(predictions: pd.DataFrame, *, tasks: dict[str, TaskConfig]) -> dict[str, Any]:
    """Measures every task on rows whose user, and whose item, had no event before the request, and on the others.

    `predictions` are as for `evaluate_predictions`; without bool `cold_user` or `cold_item`, that side is left out.

    Returns:
      {"user" | "item": {"cold" | "warm": {task: {metric: value or None}, "rows": n, "requests": n}}}: a slice without
      rows has `rows` 0.
    """
    check_columns(predictions, ["request"])
    result: dict[str, Any] = {}
    for side, column in _SIDES.items():
        if column in predictions.columns:
            cold = predictions[column].to_numpy(bool)
            result[side] = {"cold": _slice(predictions[cold], tasks), "warm": _slice(predictions[~cold], tasks)}
    return result


def _slice(rows: pd.DataFrame, tasks: dict[str, TaskConfig]) -> dict[str, Any]:
    return {**evaluate_tasks(rows, tasks), "rows": len(rows), "requests": int(rows["request"].nunique())}
