"""A model beside the truth of its synthetic world: python -m benchmarks.truth --data DIR --run-dir RUN --json FILE."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.results import benchmark_parser, tell
from tfgrec.close_match import suggestion
from tfgrec.config.model import TaskConfig
from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.metrics import task_metric
from tfgrec.report.run_results import RunResults
from tfgrec.simulation import DOMAINS
from tfgrec.simulation.tables import TRUTH

_LABEL = "is_click"
# Probabilities are kept off 0 and 1 before their logits are taken.
_SMALLEST = 1e-7


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("truth", "AUC and log loss of clicks on validation: the world's own, and a model's.")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="what tfgrec-simulate wrote")
    parser.add_argument("--run-dir", required=True, type=Path, metavar="RUN", help="an evaluated run on that data")
    parser.add_argument("--task", metavar="NAME", help=f"the model's task (default: the first with label {_LABEL})")
    args = parser.parse_args(argv)
    run = RunResults(args.run_dir)
    task = _task(run.config.model.tasks, args.task)
    tell(compare_with_truth(run.predictions, read_truth(args.data), task=task), args.json)


def read_truth(data: Path) -> pd.DataFrame:
    """The click probabilities that `tfgrec-simulate` wrote beside its tables.

    Raises:
      InputDataError: there are none.
    """
    path = data / TRUTH
    if not path.exists():
        raise InputDataError(f"{path}: is missing; tfgrec-simulate writes it (again, with the same options)")
    return pd.read_parquet(path)


def compare_with_truth(predictions: pd.DataFrame, truth: pd.DataFrame, *, task: str) -> dict[str, Any]:
    """Measures both on the rows of `predictions`, over all and by domain.

    Args:
      predictions: a run's predictions.parquet: one row a candidate.
      truth: `user`, `item`, `domain`, `time_ms` and `click_probability`, one row an impression.
      task: the task whose label is the click.

    Returns:
      `truth` and `model` (auc and log_loss), `logit_correlation` of the two, and `rows`; the same in `domains`.

    Raises:
      InputDataError: a prediction's impression is not in the truth.
    """
    keys = ["user", "item", "time_ms"]
    left = predictions.rename(columns={"time": "time_ms", "item_node_set": "domain"})
    if "domain" in left:
        keys.append("domain")
    left["item"] = left["item"].astype(str)
    joined = left.merge(truth, on=keys, how="left", validate="one_to_one", suffixes=("", "_of_truth"))
    unknown = int(joined["click_probability"].isna().sum())
    if unknown:
        raise InputDataError(
            f"{TRUTH}: has {unknown:,} of {len(joined):,} predicted rows not in it: the run was trained on other data"
        )
    of_domain = joined["domain"].to_numpy()
    return {
        "task": task,
        **_measured(joined, task),
        "domains": {name: _measured(joined[of_domain == name], task) for name in DOMAINS if name in of_domain},
    }


def _measured(rows: pd.DataFrame, task: str) -> dict[str, Any]:
    labels = rows[f"label/{task}"].to_numpy(dtype=np.float64)
    sides = {
        "truth": rows["click_probability"].to_numpy(dtype=np.float64),
        "model": rows[f"prediction/{task}"].to_numpy(dtype=np.float64),
    }
    first, second = (_logits(scores) for scores in sides.values())
    return {
        **{
            name: {metric: task_metric(metric, labels, side) for metric in ("auc", "log_loss")}
            for name, side in sides.items()
        },
        "logit_correlation": float(np.corrcoef(first, second)[0, 1]),
        "rows": len(rows),
    }


def _logits(probabilities: np.ndarray) -> np.ndarray:
    kept = np.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    return np.log(kept) - np.log1p(-kept)


def _task(tasks: Mapping[str, TaskConfig], name: str | None) -> str:
    if name is None:
        name = next((name for name, task in tasks.items() if task.label == _LABEL), None)
        if name is None:
            raise ConfigurationError(f"model.tasks: none has the label {_LABEL}, which the truth is of; give --task")
    if name not in tasks:
        raise ConfigurationError(f"--task {name}: the run has no such task: {suggestion(name, tasks)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
