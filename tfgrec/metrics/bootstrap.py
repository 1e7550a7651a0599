"""Paired bootstrap over users: how sure is the difference between two models on the same rows.

Metrics that are ratios of sums over users are computed anew for each draw of users. So are shares of ordered pairs
(auc, concordance) as long as that is cheap. On more rows, numbers of pairs are linearised in the users' weights (the
infinitesimal jackknife: Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapter 6), which makes
them sums over users too: a draw then costs what the users cost, not the rows. What that leaves out shrinks with the
number of users, and is smaller than the chance in the draws where it begins. Very many users are drawn in groups, whose
sums vary as much as those of their users do.

Where a side has several training seeds, both users and seeds are drawn, each apart from the other, as both cross in
every row (Owen, The pigeonhole bootstrap, 2007, doi 10.1214/07-AOAS122). How seeds are drawn, of which there are few,
`tfgrec.metrics.seed_chance` says.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tfgrec.errors import InputDataError
from tfgrec.metrics.entries import METRICS
from tfgrec.metrics.evaluation import check_columns, task_rows
from tfgrec.metrics.metric import Metric, TaskRows
from tfgrec.metrics.pair_order import PairOrder, num_levels
from tfgrec.metrics.seed_chance import seed_shifts

# Weights held at once, of all replicates of a chunk: they should fit the processor's cache.
_CHUNK_WEIGHTS = 1 << 18
# Rows times levels times replicates up to which pairs are counted anew for each replicate: a fifth of a second.
_COUNTED_ROWS = 2_000_000
# Users or groups of users that are drawn from at most: what bounds the cost of a draw.
_MOST_DRAWN = 50_000

# Weights of users or groups of them [num_replicates, num_drawn] -> the metric [num_replicates].
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


@dataclasses.dataclass(frozen=True)
class PairedReplicates:
    """A metric of two models on the same rows, and its differences under draws of users (and training seeds).

    Attributes:
      baseline: NaN where it is undefined.
      treatment: NaN where it is undefined.
      differences: treatment less baseline, sorted, of the draws `[num_defined]` on which both are defined.
    """

    baseline: float
    treatment: float
    differences: np.ndarray

    def quantile(self, share: float) -> float:
        """The difference that `share` of the draws do not exceed; NaN where the metric is undefined."""
        if not len(self.differences) or not np.isfinite(self.treatment - self.baseline):
            return float("nan")
        return float(np.quantile(self.differences, share))


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

    Several tables on a side (one a training seed) are averaged, and the interval holds what other seeds would change
    too. Columns as for `evaluate_predictions`; rows may be in any order of requests.

    Raises:
      InputDataError: the tables differ in their rows or labels, or the metric is undefined on them.
    """
    sides = [_aligned(tables, task) for tables in (baseline, treatment)]
    reference = sides[0][0]
    for table in [*sides[0], *sides[1]]:
        _check_same_rows(reference, table, task)
    rows = task_rows(reference, task)
    predictions = [[task_rows(table, task).scores for table in side] for side in sides]
    found = paired_replicates(
        metric, rows.labels, rows.users, *predictions, requests=rows.requests, replicates=replicates, seed=seed
    )
    if not np.isfinite([found.baseline, found.treatment]).all():
        raise InputDataError(f"predictions: {metric} of {task} is undefined on these rows")
    tail = (1 - confidence) / 2
    low, high = found.quantile(tail), found.quantile(1 - tail)
    return PairedDifference(metric, found.baseline, found.treatment, found.treatment - found.baseline, low, high)


def paired_replicates(
    metric: str,
    labels: np.ndarray,
    users: np.ndarray,
    baseline: Sequence[np.ndarray],
    treatment: Sequence[np.ndarray],
    *,
    requests: np.ndarray | None = None,
    replicates: int = 500,
    seed: int = 0,
) -> PairedReplicates:
    """Draws users with replacement, since rows of one user are not independent, and both models by the same draw.

    Args:
      metric: one of METRICS.
      labels: float64 `[num_rows]`, none missing.
      users: of any type that can be sorted, `[num_rows]`.
      baseline: predictions float64 `[num_rows]` of each model on that side, one a training seed; their metrics are
        averaged, and where there are several, what other seeds would change is added to the differences.
      treatment: the same of the other side; as many as on the first are taken for pairs of equal seeds.
      requests: of any type that can be sorted, `[num_rows]`; None where the metric does not look at them.
      replicates: how many draws.
      seed: of the draws; on the same users the same seed draws the same.
    """
    # Sorted, so that the draws do not depend on the order of the rows.
    user_codes, known_users = pd.factorize(users, sort=True)
    counted = replicates * len(labels) * num_levels(labels) <= _COUNTED_ROWS and len(known_users) <= _MOST_DRAWN
    num_drawn = min(len(known_users), _MOST_DRAWN)
    estimators = [
        [
            _estimator(METRICS[metric], TaskRows(labels, scores, user_codes, requests), num_drawn, counted=counted)
            for scores in side
        ]
        for side in (baseline, treatment)
    ]
    whole = np.ones((1, num_drawn))
    values = [[float(estimate(whole)[0]) for estimate in side] for side in estimators]
    point = [float(np.mean(side)) for side in values]
    if not np.isfinite(point).all():
        return PairedReplicates(*point, np.zeros(0))
    chunk = max(1, _CHUNK_WEIGHTS // (len(labels) if counted else num_drawn))
    draws = _differences(estimators, num_drawn, replicates, seed, chunk)
    draws = draws + seed_shifts(*values, replicates=replicates, seed=seed)
    return PairedReplicates(*point, np.sort(draws[np.isfinite(draws)]))


def _differences(
    estimators: list[list[_Estimator]], num_drawn: int, replicates: int, seed: int, chunk: int
) -> np.ndarray:
    """Treatment less baseline `[replicates]`, each under its own draw of users, `chunk` of them at once."""
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, replicates, chunk):
        draws = (generator.integers(num_drawn, size=num_drawn) for _ in range(min(chunk, replicates - start)))
        weights = np.stack([np.bincount(draw, minlength=num_drawn) for draw in draws]).astype(np.float64)
        first, second = (np.mean([estimate(weights) for estimate in side], axis=0) for side in estimators)
        parts.append(second - first)
    return np.concatenate(parts)


def _estimator(metric: Metric, rows: TaskRows, num_drawn: int, *, counted: bool) -> _Estimator:
    if metric.pairs and counted:
        pairs = PairOrder(rows.labels, rows.scores)
        return lambda weights: pairs.share(weights[:, rows.user_codes])
    numerators, denominators = _sums_by_user(metric, rows, num_drawn)

    def ratio(weights: np.ndarray) -> np.ndarray:
        below = weights @ denominators
        return np.divide(weights @ numerators, below, out=np.full(len(weights), np.nan), where=below > 0)

    return ratio


def _sums_by_user(metric: Metric, rows: TaskRows, num_drawn: int) -> tuple[np.ndarray, np.ndarray]:
    """The metric as a ratio of sums over users, or groups of them: numerators and denominators `[num_drawn]`."""
    terms = metric.terms(rows)
    above, below = (
        np.bincount(terms.users % _MOST_DRAWN, of_term, minlength=num_drawn) for of_term in (terms.above, terms.below)
    )
    if metric.pairs:
        # d(pairs)/d(weight of a user) is the number of pairs that the user's rows are in. A draw's weights sum to the
        # number of users, so that the constant of the linear form, less the number of pairs, is spread over them.
        return above - above.mean() / 2, below - below.mean() / 2
    return above, below


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
