"""LightGBM on converted MovieLens, beside runs of ours: python -m benchmarks.movielens --data DIR --json FILE.

The peers learn from features counted before each row, without and with scores of a truncated SVD, on the rows that
configs/movielens.yaml trains and validates on.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.boosted_trees import Rows, predict_validation
from benchmarks.counted_features import counted_features
from benchmarks.peer_comparison import compare, read_runs
from benchmarks.results import benchmark_parser, tell
from benchmarks.svd_scores import svd_scores
from tfgrec.config import load_run_config
from tfgrec.entry_point import entry_point

_CONFIG = Path(__file__).parents[1] / "configs" / "movielens.yaml"
_TASKS = ("liked", "loved", "disliked")
_SEEDS = (1, 2, 3)
_BEST_PEER = "lightgbm_svd"


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
    tell(compare(peers, read_runs(args.run_dir), tasks=_TASKS, best=_BEST_PEER), args.json)
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
