"""An experiment on people whose answers are all known: python -m benchmarks.kuairec_experiment --data DIR --json FILE.

KuaiRec's small matrix says of 1,411 users and 3,327 videos whether each was watched more than twice. Policies learn
from the big matrix's log alone, which has none of these pairs. Each serves everybody, which is the truth, and its share
of a split, which is what an experiment sees. `--models joint two_stage no_graph --work-dir DIR` adds ours.
"""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import scipy.sparse.linalg

from benchmarks.kuairec_models import KuaiRecModels, ServedModel
from benchmarks.results import benchmark_parser, tell
from tfgrec.entry_point import entry_point
from tfgrec.errors import InputDataError
from tfgrec.experiment.answer_matrix import AnswerMatrixWorld, TablePolicy
from tfgrec.experiment.arms import MODEL_ARMS
from tfgrec.experiment.assignment import assign
from tfgrec.experiment.day_of_sessions import live_day
from tfgrec.experiment.experiment_metrics import METRICS, UserPeriod
from tfgrec.experiment.policies import RandomPolicy
from tfgrec.experiment.pools import Policy
from tfgrec.experiment.statistics.cuped import adjusted
from tfgrec.experiment.statistics.delta_method import UserSums, paired_difference, relative_difference
from tfgrec.experiment.user_sums import user_sums
from tfgrec.progress import stage_progress

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
    parser.add_argument("--models", nargs="+", default=[], choices=MODEL_ARMS, metavar="ARM", help="ours to add")
    parser.add_argument("--work-dir", type=Path, metavar="DIR", help="where models are trained (with --models)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes configs/kuairec.yaml")
    args = parser.parse_args(argv)
    if args.models and args.work_dir is None:
        parser.error("--models: want --work-dir too")
    answers, log = read_kuairec(args.data)
    users, videos = answers.index.to_numpy(), answers.columns.to_numpy()
    models = None
    if args.models:
        models = KuaiRecModels(args.work_dir, users=users, videos=videos, seed=args.seed, changes=args.set)
        models.prepare(args.data, log)
    found = experiment(answers, log, days=args.days, rank=args.rank, seed=args.seed, arms=args.models, models=models)
    tell(found, args.json)


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


@dataclasses.dataclass(frozen=True)
class Life:
    """What everybody did under a policy, the share of videos that anybody was shown, and what serving took."""

    period: UserPeriod
    coverage: float
    cost: dict[str, Any] | None = None


def experiment(
    answers: pd.DataFrame,
    log: pd.DataFrame,
    *,
    days: int,
    rank: int,
    seed: int,
    arms: Sequence[str] = (),
    models: KuaiRecModels | None = None,
) -> dict[str, Any]:
    """Serves everybody by each policy; returns the truth, and what a split over the policies would have said."""
    policies: dict[str, Policy] = {
        "popular": TablePolicy(_counts(log, answers.columns)),
        "random": RandomPolicy(seed=seed),
        "svd": TablePolicy(_svd_scores(log, answers.index, answers.columns, rank)),
        "item_cosine": TablePolicy(_item_cosine_scores(log, answers.index, answers.columns)),
        "oracle": TablePolicy(answers.to_numpy(float)),
    }
    lives = {name: _lived(answers.to_numpy(), policy, days, seed) for name, policy in policies.items()}
    seconds = {}
    for arm in arms:
        seconds[arm] = models.train(arm)
        lives[arm] = _served(answers.to_numpy(), models.served(arm), days, seed)
    names = list(lives)
    of_users = assign(answers.index.tolist(), names, salt=f"kuairec {seed}", shares={})
    split = {name: lives[name].period.sums(_WATCHED, of_users == number) for number, name in enumerate(names)}
    before = _history(log, answers)
    after = adjusted(split, {name: before[of_users == number] for number, name in enumerate(names)})
    everybody = np.ones(len(answers), bool)
    truth = {name: life.period.sums(_WATCHED, everybody) for name, life in lives.items()}
    return {
        "users": dict(zip(names, np.bincount(of_users, minlength=len(names)).tolist(), strict=True)),
        "baseline": names[0],
        "arms": {name: {"watched_twice": truth[name].ratio, "coverage": lives[name].coverage} for name in names},
        "differences": {name: _differences(name, names[0], truth, split, after) for name in names[1:]},
        "paired": {name: _paired(truth[name], truth, leave_out=name) for name in names},
        "cost": {arm: {"training_seconds": seconds[arm], **(lives[arm].cost or {})} for arm in arms},
    }


def _paired(treatment: UserSums, truth: Mapping[str, UserSums], *, leave_out: str) -> dict[str, Any]:
    """How much more than each other policy, all having served everybody; intervals are over users."""
    found = {name: paired_difference(treatment, other) for name, other in truth.items() if name != leave_out}
    return {name: {"relative": one.relative, "low": one.low, "high": one.high} for name, one in found.items()}


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


def _lived(
    answers: np.ndarray, policy: Policy, days: int, seed: int, observe: Callable[[pd.DataFrame], None] | None = None
) -> Life:
    """What everybody did under a policy, which may be told what came of it."""
    world, sums, shown = AnswerMatrixWorld(answers, seed=seed), [], set()
    for day in range(days):
        arms, sessions = np.zeros(len(answers), int), world.sessions(day)
        with stage_progress(f"day {day + 1}", len(sessions), unit="sessions") as advance:
            impressions = live_day(
                world, day, sessions, arms=arms, policies={"": policy}, observe=observe, blocks=1, advance=advance
            )
        world.see(impressions)
        sums.append(user_sums(impressions))
        shown |= set(impressions["item"])
    return Life(UserPeriod(sums, len(answers)), len(shown) / answers.shape[1])


def _served(answers: np.ndarray, model: ServedModel, days: int, seed: int) -> Life:
    life = _lived(answers, model.policy, days, seed, model.observe)
    model.close()
    return dataclasses.replace(life, cost=model.cost())


def _counts(log: pd.DataFrame, videos: pd.Index) -> np.ndarray:
    return log["video_id"].value_counts().reindex(videos, fill_value=0).to_numpy(float)


def _history(log: pd.DataFrame, answers: pd.DataFrame) -> np.ndarray:
    """How many videos each user watched more than twice before: the log has these alone."""
    return log["user_id"].value_counts().reindex(answers.index, fill_value=0).to_numpy(float)


def _item_cosine_scores(log: pd.DataFrame, users: pd.Index, videos: pd.Index) -> np.ndarray:
    """Of each video the sum of its cosines, by who watched, with the videos that a user watched."""
    matrix = _watched(log, users, videos)
    counts = np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0)
    scaled = matrix @ scipy.sparse.diags(counts**-0.5)
    return (matrix[users] @ scipy.sparse.diags(counts**-0.5) @ (matrix.T @ scaled[:, videos])).toarray()


def _watched(log: pd.DataFrame, users: pd.Index, videos: pd.Index) -> scipy.sparse.csr_matrix:
    """1 for what is in the log, by ids of users and videos."""
    rows, columns = log["user_id"].to_numpy(int), log["video_id"].to_numpy(int)
    shape = (max(rows.max(), users.max()) + 1, max(columns.max(), videos.max()) + 1)
    return scipy.sparse.csr_matrix((np.ones(len(log)), (rows, columns)), shape)


def _svd_scores(log: pd.DataFrame, users: pd.Index, videos: pd.Index, rank: int) -> np.ndarray:
    """Scores of users and videos by a truncated SVD of the log, columns scaled by the root of their counts."""
    matrix = _watched(log, users, videos)
    of_videos = np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0))
    scaled = matrix @ scipy.sparse.diags(1 / of_videos)
    start = np.random.default_rng(0).normal(size=min(matrix.shape))
    left, values, right = scipy.sparse.linalg.svds(scaled, k=rank, v0=start)
    scores = (left[users] * values) @ right[:, videos]
    return scores * of_videos[videos]


if __name__ == "__main__":
    sys.exit(main())
