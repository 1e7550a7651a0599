"""Paired bootstrap over users: how sure is the difference between two models on the same rows."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tfgrec.errors import InputDataError
from tfgrec.metrics.classification import cross_entropies, gauc_sums
from tfgrec.metrics.evaluation import check_columns, task_rows
from tfgrec.metrics.pair_order import PairOrder

# Replicates counted at once: their row weights should fit the processor's cache.
_CHUNK = 16

# Weights of users [num_replicates, num_users] -> the metric [num_replicates].
_Estimator = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """A metric of two models on the same rows; `difference` is treatment less baseline, in `[low, high]`."""

    metric: str
    baseline: float
    treatment: float
    difference: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    def scaled(self, factor: float) -> "PairedDifference":
        """The same in another unit."""
        values = (self.baseline, self.treatment, self.difference, self.low, self.high)
        return PairedDifference(self.metric, *(factor * value for value in values))


def user_bootstrap(
    baseline: pd.DataFrame | Sequence[pd.DataFrame],
    treatment: pd.DataFrame | Sequence[pd.DataFrame],
    *,
    task: str,
    metric: str,
    replicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedDifference:
    """The difference of `metric` on `task`, with the percentile interval of users drawn with replacement.

    Rows of one user are not independent, so that users are drawn, not rows; both models are weighted by the same
    draw. Several tables on a side (one a training seed) are averaged. `metric` is auc, gauc, log_loss, calibration,
    mae or concordance. Columns as for `evaluate_predictions`; rows may be in any order of requests.

    Raises:
      InputDataError: the tables differ in their rows or labels, or the metric is undefined on them.
    """
    sides = [_aligned(tables, task) for tables in (baseline, treatment)]
    reference = sides[0][0]
    for table in [*sides[0], *sides[1]]:
        _check_same_rows(reference, table, task)
    _, _, users = task_rows(reference, task)
    user_codes, known_users = pd.factorize(users)
    estimators = [[_estimator(metric, table, task, user_codes) for table in side] for side in sides]
    whole = np.ones((1, len(known_users)))
    point = [float(np.mean([estimate(whole)[0] for estimate in side])) for side in estimators]
    if not np.isfinite(point).all():
        raise InputDataError(f"predictions: {metric} of {task} is undefined on these rows")
    draws = _differences(estimators, len(known_users), replicates, seed)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return PairedDifference(metric, point[0], point[1], point[1] - point[0], float(low), float(high))


def _differences(estimators: list[list[_Estimator]], num_users: int, replicates: int, seed: int) -> np.ndarray:
    """Treatment less baseline `[replicates]`, each under its own draw of users."""
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, replicates, _CHUNK):
        draws = [generator.integers(num_users, size=num_users) for _ in range(min(_CHUNK, replicates - start))]
        weights = np.stack([np.bincount(draw, minlength=num_users) for draw in draws]).astype(np.float64)
        first, second = (np.mean([estimate(weights) for estimate in side], axis=0) for side in estimators)
        parts.append(second - first)
    return np.concatenate(parts)


def _estimator(metric: str, table: pd.DataFrame, task: str, user_codes: np.ndarray) -> _Estimator:
    labels, scores, _ = task_rows(table, task)
    if metric in ("auc", "concordance"):
        pairs = PairOrder(labels, scores)
        return lambda weights: pairs.share(weights[:, user_codes])
    numerators, denominators = _sums_by_user(metric, labels, scores, user_codes)

    def ratio(weights: np.ndarray) -> np.ndarray:
        below = weights @ denominators
        return np.divide(weights @ numerators, below, out=np.full(len(weights), np.nan), where=below > 0)

    return ratio


def _sums_by_user(
    metric: str, labels: np.ndarray, scores: np.ndarray, user_codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The metric as a ratio of sums over users: numerators and denominators `[num_users]`."""
    if metric == "gauc":
        return gauc_sums(labels, scores, user_codes)
    if metric == "log_loss":
        above, below = cross_entropies(labels, scores), np.ones_like(labels)
    elif metric == "calibration":
        above, below = scores, labels
    elif metric == "mae":
        above, below = np.abs(scores - labels), np.ones_like(labels)
    else:
        raise ValueError(f"unknown metric '{metric}'")
    return np.bincount(user_codes, above), np.bincount(user_codes, below)


def _aligned(tables: pd.DataFrame | Sequence[pd.DataFrame], task: str) -> list[pd.DataFrame]:
    tables = [tables] if isinstance(tables, pd.DataFrame) else list(tables)
    for table in tables:
        check_columns(table, ["user", "request", f"label/{task}", f"prediction/{task}"])
    # Candidates of a request keep their order: the sort is stable.
    return [table.sort_values("request", kind="stable", ignore_index=True) for table in tables]


def _check_same_rows(reference: pd.DataFrame, table: pd.DataFrame, task: str) -> None:
    if len(reference) != len(table):
        raise InputDataError(f"predictions to compare have {len(reference)} and {len(table)} rows: not the same data")
    for name in ("request", "user", f"label/{task}"):
        if not reference[name].equals(table[name]):
            raise InputDataError(f"predictions to compare differ in column '{name}': not the same data")
