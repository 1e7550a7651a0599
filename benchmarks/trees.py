"""LightGBM on a run's own records, beside runs of ours: python -m benchmarks.trees --run-dir RUN --json FILE.

It reads what the records say without a graph: the request's features, counts and rates, the user's and the item's
features. Training, cut and validation are the run's.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.boosted_trees import Rows, predict_validation
from benchmarks.peer_comparison import compare, read_runs
from benchmarks.record_features import RecordFeatures, numbered_categories
from benchmarks.results import benchmark_parser, tell
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.entry_point import entry_point
from tfgrec.run.run_directory import RunDirectory

_PEER = "lightgbm"
_CUT = 0.1


@entry_point
def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = benchmark_parser("trees", "LightGBM on the records of a run, beside runs of ours on the same split.")
    run_help = "a finished run, or several that differ in their seeds; may be given again for another model"
    parser.add_argument("--run-dir", nargs="+", action="append", required=True, type=Path, metavar="RUN", help=run_help)
    parser.add_argument("--records", type=Path, metavar="RUN", help="whose records LightGBM reads (default: the first)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of LightGBM (default: 1 2 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of LightGBM (default: all processors)")
    args = parser.parse_args(argv)
    run = RunDirectory.open(args.records or args.run_dir[0][0])
    tasks = [name for name, task in run.read_config().model.tasks.items() if task.kind == "binary"]
    runs = read_runs(args.run_dir)
    peer = peer_predictions(run, tasks=tasks, seeds=args.seeds, threads=args.threads)
    tell(compare({_PEER: peer}, runs, tasks=tasks, best=_PEER), args.json)
    return 0


def peer_predictions(
    run: RunDirectory, *, tasks: Sequence[str], seeds: Sequence[int], threads: int
) -> list[pd.DataFrame]:
    """LightGBM's predictions of a run's validation rows, a table a seed, with the columns of predictions.parquet."""
    reader = RecordFeatures(run.read_config(), ExamplesDirectory.open(run.examples))
    (train, train_rows), (validation, found) = reader.read("train"), reader.read("validation")
    features = numbered_categories(pd.concat([train, validation], ignore_index=True))
    rows = training_rows(train_rows["time"].to_numpy(), len(found))
    predictions = [found.copy() for _ in seeds]
    for task in tasks:
        labels = np.concatenate([of[f"label/{task}"].to_numpy(np.float64) for of in (train_rows, found)])
        for seed, table in zip(seeds, predictions, strict=True):
            table[f"prediction/{task}"] = predict_validation(features, labels, rows, seed=seed, threads=threads)
        print(f"{_PEER}: {task} is trained", file=sys.stderr, flush=True)
    return predictions


def training_rows(times: np.ndarray, num_validation: int) -> Rows:
    """Training rows, their newest tenth being the cut, and after them the validation rows."""
    newest = times > np.quantile(times, 1 - _CUT)
    beyond = np.zeros(num_validation, bool)
    validation = np.concatenate([np.zeros(len(times), bool), ~beyond])
    return Rows(fit=np.concatenate([~newest, beyond]), cut=np.concatenate([newest, beyond]), validation=validation)


if __name__ == "__main__":
    sys.exit(main())
