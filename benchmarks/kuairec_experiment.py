"""An experiment on people whose answers are all known: python -m benchmarks.kuairec_experiment --data DIR --json FILE.

KuaiRec's small matrix says of 1,411 users and 3,327 videos whether each was watched more than twice. Policies learn
from the big matrix's log alone, which has none of these pairs. Each serves everybody, which is the truth, and its share
of a split, which is what an experiment sees.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import scipy.sparse.linalg

from benchmarks.results import benchmark_parser, tell
from tfgrec.entry_point import entry_point
from tfgrec.errors import InputDataError
from tfgrec.experiment.answer_matrix import AnswerMatrixWorld, TablePolicy
from tfgrec.experiment.assignment import assign
from tfgrec.experiment.day_of_sessions import live_day
from tfgrec.experiment.experiment_metrics import METRICS, UserPeriod
from tfgrec.experiment.policies import RandomPolicy
from tfgrec.experiment.pools import Policy
from tfgrec.experiment.statistics.cuped import adjusted
from tfgrec.experiment.statistics.delta_method import UserSums, relative_difference
from tfgrec.experiment.user_sums import user_sums

SMALL, BIG = "small_matrix_full.parquet", "big_matrix_positives_ordered.parquet"
_WATCHED = next(metric for metric in METRICS if metric.name == "click_share")


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("kuairec_experiment", "Share watched more than twice, by policy, on KuaiRec.")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the folder of KuaiRec's tables")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--rank", type=int, default=16, help="of the truncated SVD of the log")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    answers, log = read_kuairec(args.data)
    tell(experiment(answers, log, days=args.days, rank=args.rank, seed=args.seed), args.json)


def read_kuairec(data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The matrix of answers, bool, users by videos, and the log of views, of which only those that have a place.

    Raises:
      InputDataError: a file is missing.
    """
    for name in (SMALL, BIG):
        if not (data / name).exists():
            raise InputDataError(f"--data {data}: has no {name}")
    small = pd.read_parquet(data / SMALL)
    answers = small.pivot(index="user_id", columns="video_id", values="watched_twice").fillna(0).astype(bool)
    log = pd.read_parquet(data / BIG, columns=["user_id", "video_id", "pseudo_time"])
    return answers, log[log["pseudo_time"].notna()]


def experiment(answers: pd.DataFrame, log: pd.DataFrame, *, days: int, rank: int, seed: int) -> dict[str, Any]:
    """Serves everybody by each policy; returns the truth, and what a split over the policies would have said."""
    policies: dict[str, Policy] = {
        "popular": TablePolicy(_counts(log, answers.columns)),
        "random": RandomPolicy(seed=seed),
        "svd": TablePolicy(_svd_scores(log, answers.index, answers.columns, rank)),
        "oracle": TablePolicy(answers.to_numpy(float)),
    }
    lives = {name: _lived(answers.to_numpy(), policy, days, seed) for name, policy in policies.items()}
    names = list(policies)
    arms = assign(answers.index.tolist(), names, salt=f"kuairec {seed}", shares={})
    split = {name: lives[name][0].sums(_WATCHED, arms == number) for number, name in enumerate(names)}
    before = _history(log, answers)
    after = adjusted(split, {name: before[arms == number] for number, name in enumerate(names)})
    everybody = np.ones(len(answers), bool)
    truth = {name: life[0].sums(_WATCHED, everybody) for name, life in lives.items()}
    return {
        "users": dict(zip(names, np.bincount(arms, minlength=len(names)).tolist(), strict=True)),
        "baseline": names[0],
        "arms": {name: {"watched_twice": truth[name].ratio, "coverage": lives[name][1]} for name in names},
        "differences": {name: _differences(name, names[0], truth, split, after) for name in names[1:]},
    }


def _differences(
    name: str,
    baseline: str,
    truth: Mapping[str, UserSums],
    split: Mapping[str, UserSums],
    after: Mapping[str, UserSums],
) -> dict[str, Any]:
    found = {"truth": relative_difference(truth[name], truth[baseline]).relative}
    for kind, sums in (("plain", split), ("cuped", after)):
        one = relative_difference(sums[name], sums[baseline])
        found[kind] = {"relative": one.relative, "low": one.low, "high": one.high}
    return found


def _lived(answers: np.ndarray, policy: Policy, days: int, seed: int) -> tuple[UserPeriod, float]:
    """What everybody did under a policy, and the share of videos that it showed to anybody."""
    world, sums, shown = AnswerMatrixWorld(answers, seed=seed), [], set()
    for day in range(days):
        arms = np.zeros(len(answers), int)
        impressions = live_day(world, day, world.sessions(day), arms=arms, policies={"": policy}, blocks=1)
        world.see(impressions)
        sums.append(user_sums(impressions))
        shown |= set(impressions["item"])
    return UserPeriod(sums, len(answers)), len(shown) / answers.shape[1]


def _counts(log: pd.DataFrame, videos: pd.Index) -> np.ndarray:
    return log["video_id"].value_counts().reindex(videos, fill_value=0).to_numpy(float)


def _history(log: pd.DataFrame, answers: pd.DataFrame) -> np.ndarray:
    """How many videos each user watched more than twice before: the log has these alone."""
    return log["user_id"].value_counts().reindex(answers.index, fill_value=0).to_numpy(float)


def _svd_scores(log: pd.DataFrame, users: pd.Index, videos: pd.Index, rank: int) -> np.ndarray:
    """Scores of users and videos by a truncated SVD of the log, columns scaled by the root of their counts."""
    rows, columns = log["user_id"].to_numpy(int), log["video_id"].to_numpy(int)
    shape = (max(rows.max(), users.max()) + 1, max(columns.max(), videos.max()) + 1)
    matrix = scipy.sparse.csr_matrix((np.ones(len(log)), (rows, columns)), shape)
    of_videos = np.sqrt(np.maximum(np.bincount(columns, minlength=shape[1]), 1.0))
    scaled = matrix @ scipy.sparse.diags(1 / of_videos)
    start = np.random.default_rng(0).normal(size=min(shape))
    left, values, right = scipy.sparse.linalg.svds(scaled, k=rank, v0=start)
    scores = (left[users] * values) @ right[:, videos]
    return scores * of_videos[videos]


if __name__ == "__main__":
    sys.exit(main())
