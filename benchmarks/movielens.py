"""LightGBM on converted MovieLens, beside runs of ours: python -m benchmarks.movielens --data DIR --json FILE.

The peers learn from features counted before each row, without and with scores of a truncated SVD, on the rows that
configs/movielens.yaml trains and validates on.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.boosted_trees import Rows, predict_validation
from benchmarks.counted_features import counted_features
from benchmarks.results import benchmark_parser, tell
from benchmarks.svd_scores import svd_scores
from tfgrec.commands.entry_point import entry_point
from tfgrec.config import load_run_config
from tfgrec.errors import InputDataError
from tfgrec.metrics import auc, calibration, log_loss, user_bootstrap
from tfgrec.run_directory import RunDirectory

_CONFIG = Path(__file__).parents[1] / "configs" / "movielens.yaml"
_TASKS = ("liked", "loved", "disliked")
_SEEDS = (1, 2, 3)
_METRICS = {"auc": auc, "log_loss": log_loss, "calibration": calibration}
_BEST_PEER = "lightgbm_svd"
_KEY = ["user", "time", "item"]


@entry_point
def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = benchmark_parser(
        "movielens", "LightGBM on counted features, with and without SVD scores, beside our runs."
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="what tfgrec-convert movielens wrote")
    parser.add_argument("--config", default=_CONFIG, type=Path, metavar="YAML", help=f"default: {_CONFIG.name}")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes it: split.train=[10,69]")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(_SEEDS), help="of LightGBM (default: 1 2 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of LightGBM (default: all processors)")
    run_help = "a finished run, or several that differ in their seeds; may be given again for another model"
    parser.add_argument("--run-dir", nargs="+", action="append", default=[], type=Path, metavar="DIR", help=run_help)
    args = parser.parse_args(argv)
    split = load_run_config(args.config, args.set).split
    ratings, users, movies = (pd.read_parquet(args.data / f"{name}.parquet") for name in ("ratings", "users", "movies"))
    ratings = ratings.sort_values("time", kind="stable", ignore_index=True)
    rows = split_rows(ratings["slice"].to_numpy(), split.train, split.validation)
    peers = peer_predictions(ratings, users, movies, rows, args.seeds, args.threads)
    named = {_model_name(of_seeds): of_seeds for of_seeds in args.run_dir}
    if len(named) < len(args.run_dir):
        parser.error(f"--run-dir: several models are called {', '.join(named)}: name the folders differently")
    runs = {name: [_run_predictions(folder) for folder in of_seeds] for name, of_seeds in named.items()}
    tell(compare(peers, runs), args.json)
    return 0


def _model_name(folders: Sequence[Path]) -> str:
    """A run's folder, or the one around the folders of several runs: tfgrec-compare calls these by their seeds."""
    return folders[0].name if len(folders) == 1 else folders[0].absolute().parent.name


def split_rows(slices: np.ndarray, train: tuple[int, int], validation: tuple[int, int]) -> Rows:
    """Rows by their slices; the newest tenth of the training slices is the cut."""
    first, last = train
    cut = last - max(1, (last - first + 1) // 10)
    return Rows(
        fit=(slices >= first) & (slices <= cut),
        cut=(slices > cut) & (slices <= last),
        validation=(slices >= validation[0]) & (slices <= validation[1]),
    )


def peer_predictions(
    ratings: pd.DataFrame, users: pd.DataFrame, movies: pd.DataFrame, rows: Rows, seeds: Sequence[int], threads: int
) -> dict[str, list[pd.DataFrame]]:
    """Each peer's predictions of the validation rows, a table a seed, with the columns of predictions.parquet."""
    counted = counted_features(ratings, users, movies)
    scores = svd_scores(ratings)
    of_peers = {"lightgbm": counted, _BEST_PEER: pd.concat([counted, scores], axis=1)}
    about = ratings[rows.validation]
    table = pd.DataFrame({"user": about["user_id"], "time": about["time"] * 1000, "item": about["movie_id"]})
    table["request"] = table.groupby(["time", "user"]).ngroup()
    predictions = {}
    for name, features in of_peers.items():
        predictions[name] = []
        for seed in seeds:
            found = table.copy()
            for task in _TASKS:
                labels = ratings[task].to_numpy(np.float64)
                # As runs write them.
                found[f"label/{task}"] = labels[rows.validation].astype(np.float32)
                found[f"prediction/{task}"] = predict_validation(features, labels, rows, seed=seed, threads=threads)
                print(f"{name}, seed {seed}: {task} is trained", file=sys.stderr, flush=True)
            predictions[name].append(found)
    return predictions


def compare(peers: Mapping[str, Sequence[pd.DataFrame]], runs: Mapping[str, Sequence[pd.DataFrame]]) -> dict[str, Any]:
    """Metrics of each model, means over its seeds, and AUC less the best peer's with 95% intervals over users.

    Raises:
      InputDataError: a run's predictions are not of the peers' rows.
    """
    reference = _ordered(peers[_BEST_PEER][0])
    models = {
        name: [_on_rows_of(reference, table, name) for table in tables] for name, tables in {**peers, **runs}.items()
    }
    return {
        "rows": len(reference),
        "users": int(reference["user"].nunique()),
        "metrics": {name: {task: _metrics(tables, task) for task in _TASKS} for name, tables in models.items()},
        f"auc_less_{_BEST_PEER}": {
            name: {task: _difference(models[_BEST_PEER], tables, task) for task in _TASKS}
            for name, tables in models.items()
            if name != _BEST_PEER
        },
    }


def _metrics(tables: Sequence[pd.DataFrame], task: str) -> dict[str, Any]:
    columns = [(table[f"label/{task}"].to_numpy(), table[f"prediction/{task}"].to_numpy()) for table in tables]
    of_seeds = {name: [float(metric(*pair)) for pair in columns] for name, metric in _METRICS.items()}
    return {**{name: float(np.mean(values)) for name, values in of_seeds.items()}, "auc_of_seeds": of_seeds["auc"]}


def _difference(baseline: Sequence[pd.DataFrame], treatment: Sequence[pd.DataFrame], task: str) -> dict[str, float]:
    found = user_bootstrap(list(baseline), list(treatment), task=task, metric="auc")
    return {"difference": found.difference, "low": found.low, "high": found.high}


def _run_predictions(folder: Path) -> pd.DataFrame:
    path = RunDirectory.at(folder).predictions
    if not path.exists():
        raise InputDataError(f"{path}: is missing: the run is not finished")
    return pd.read_parquet(path)


def _on_rows_of(reference: pd.DataFrame, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A model's table in the order of the reference, and with its requests' numbers."""
    ordered = _ordered(table)
    same = len(ordered) == len(reference) and (ordered[_KEY].to_numpy() == reference[_KEY].to_numpy()).all()
    if not same:
        raise InputDataError(
            f"{name}: predicts {len(ordered):,} candidates, the peers {len(reference):,}, or others: not the same split"
        )
    return ordered.assign(request=reference["request"], user=reference["user"])


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    labels = [f"label/{task}" for task in _TASKS]
    return table.sort_values([*_KEY, *labels], kind="stable", ignore_index=True)


if __name__ == "__main__":
    sys.exit(main())
