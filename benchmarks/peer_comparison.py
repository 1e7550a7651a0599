"""Predictions of peers and of runs on the same rows: metrics, and differences with intervals over users."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfgrec.errors import InputDataError
from tfgrec.metrics import task_metric, user_bootstrap
from tfgrec.run.run_directory import RunDirectory

_MEASURED = ("auc", "log_loss", "calibration")
_KEY = ["user", "time", "item"]


def read_runs(folders: Sequence[Sequence[Path]]) -> dict[str, list[pd.DataFrame]]:
    """Predictions of models by name, one table a seed.

    Args:
      folders: a finished run, or several that differ in their seeds, of each model.

    Raises:
      InputDataError: two models have one name, or a run is not finished.
    """
    runs: dict[str, list[pd.DataFrame]] = {}
    for of_seeds in folders:
        name = _model_name(of_seeds)
        if name in runs:
            raise InputDataError(f"--run-dir: several models are called {name}: name the folders differently")
        runs[name] = [_predictions(folder) for folder in of_seeds]
    return runs


def compare(
    peers: Mapping[str, Sequence[pd.DataFrame]],
    runs: Mapping[str, Sequence[pd.DataFrame]],
    *,
    tasks: Sequence[str],
    best: str,
) -> dict[str, Any]:
    """Metrics of each model, means over its seeds, and AUC less the best peer's with 95% intervals over users.

    Args:
      peers: tables with a run's columns of predictions.parquet, one a seed.
      runs: likewise.
      tasks: the binary tasks.
      best: the peer that all others are compared with.

    Raises:
      InputDataError: a run's predictions are not of the peers' rows.
    """
    reference = _ordered(peers[best][0], tasks)
    models = {
        name: [_on_rows_of(reference, table, tasks, name) for table in tables]
        for name, tables in {**peers, **runs}.items()
    }
    return {
        "rows": len(reference),
        "users": int(reference["user"].nunique()),
        "metrics": {name: {task: _metrics(tables, task) for task in tasks} for name, tables in models.items()},
        f"auc_less_{best}": {
            name: {task: _difference(models[best], tables, task) for task in tasks}
            for name, tables in models.items()
            if name != best
        },
    }


def _metrics(tables: Sequence[pd.DataFrame], task: str) -> dict[str, Any]:
    columns = [(table[f"label/{task}"].to_numpy(), table[f"prediction/{task}"].to_numpy()) for table in tables]
    of_seeds = {name: [float(task_metric(name, *pair)) for pair in columns] for name in _MEASURED}
    return {**{name: float(np.mean(values)) for name, values in of_seeds.items()}, "auc_of_seeds": of_seeds["auc"]}


def _difference(baseline: Sequence[pd.DataFrame], treatment: Sequence[pd.DataFrame], task: str) -> dict[str, float]:
    found = user_bootstrap(list(baseline), list(treatment), task=task, metric="auc")
    return {"difference": found.difference, "low": found.low, "high": found.high}


def _predictions(folder: Path) -> pd.DataFrame:
    path = RunDirectory.at(folder).predictions
    if not path.exists():
        raise InputDataError(f"{path}: is missing: the run is not finished")
    return pd.read_parquet(path)


def _on_rows_of(reference: pd.DataFrame, table: pd.DataFrame, tasks: Sequence[str], name: str) -> pd.DataFrame:
    """A model's table in the order of the reference, and with its requests' numbers."""
    ordered = _ordered(table, tasks)
    same = len(ordered) == len(reference) and (ordered[_KEY].to_numpy() == reference[_KEY].to_numpy()).all()
    if not same:
        raise InputDataError(
            f"{name}: predicts {len(ordered):,} candidates, the peers {len(reference):,}, or others: not the same split"
        )
    return ordered.assign(request=reference["request"], user=reference["user"])


def _ordered(table: pd.DataFrame, tasks: Sequence[str]) -> pd.DataFrame:
    labels = [f"label/{task}" for task in tasks]
    return table.sort_values([*_KEY, *labels], kind="stable", ignore_index=True)


def _model_name(folders: Sequence[Path]) -> str:
    """A run's folder, or the one around the folders of several runs: tfgrec-compare calls these by their seeds."""
    return folders[0].name if len(folders) == 1 else folders[0].absolute().parent.name
