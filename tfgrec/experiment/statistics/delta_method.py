"""Relative differences of two arms with intervals, by the delta method.

A metric is a ratio of sums over users, R = sum(n) / sum(d); a mean a user has d = 1. Users are what was drawn at
random, so they are the units, whatever the metric is a ratio of (Deng, Knoblich and Lu, "Applying the Delta Method in
Metric Analytics", KDD 2018, arXiv 1803.06336). With e_i = n_i - R d_i,

    Var(R) = Var(e) / (num_users * mean(d)^2)                                                 (1)
    Var(T / B - 1) = Var(T) / B^2 + T^2 Var(B) / B^4                                          (2)

Where both arms served the same users, what a user brings along is in both, and takes itself off:

    Var(T / B - 1) = Var(e_T / mean(d_T) - (T / B) e_B / mean(d_B)) / (num_users * B^2)       (3)
"""

import dataclasses
import statistics

import numpy as np

PERCENT = 100.0


@dataclasses.dataclass(frozen=True)
class UserSums:
    """One metric of one arm: numerators and denominators of its users, both float64 `[num_users]`."""

    numerators: np.ndarray
    denominators: np.ndarray

    @classmethod
    def of_means(cls, values: np.ndarray) -> "UserSums":
        """A mean a user."""
        return cls(np.asarray(values, float), np.ones(len(values)))

    @property
    def ratio(self) -> float:
        """The metric; NaN where there is nothing to divide by."""
        total = self.denominators.sum()
        return float(self.numerators.sum() / total) if total else float("nan")

    @property
    def variance(self) -> float:
        """Of the ratio over draws of users, equation (1); NaN where there are fewer than two users."""
        if len(self.numerators) < 2 or not self.denominators.sum():
            return float("nan")
        return float(np.var(self.influences, ddof=1) / len(self.numerators))

    @property
    def influences(self) -> np.ndarray:
        """How far each user moves the ratio, e / mean(d): `[num_users]`, of mean zero."""
        return (self.numerators - self.ratio * self.denominators) / np.mean(self.denominators)


@dataclasses.dataclass(frozen=True)
class RelativeDifference:
    """A metric of two arms. `relative`, `standard_error`, `low` and `high` are percent of the baseline's metric, and
    so is `baseline_error`, that metric's own standard error."""

    treatment: float
    baseline: float
    relative: float
    standard_error: float
    low: float
    high: float
    baseline_error: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    def within(self, half_width: float) -> "RelativeDifference":
        """The same with an interval of another width, in percent."""
        return dataclasses.replace(self, low=self.relative - half_width, high=self.relative + half_width)


def relative_difference(treatment: UserSums, baseline: UserSums, *, confidence: float = 0.95) -> RelativeDifference:
    """How much more, in percent, with an interval for one look at a time that was fixed before; equation (2).

    All is NaN where the baseline's metric is zero.
    """
    of_baseline = baseline.ratio
    variance = treatment.variance + (treatment.ratio / of_baseline) ** 2 * baseline.variance if of_baseline else 0.0
    return _with_interval(treatment, baseline, variance, confidence)


def paired_difference(treatment: UserSums, baseline: UserSums, *, confidence: float = 0.95) -> RelativeDifference:
    """As `relative_difference`, of two arms that served the same users in the same order; equation (3).

    Raises:
      ValueError: the arms' numbers of users differ.
    """
    users = len(baseline.numerators)
    if len(treatment.numerators) != users:
        raise ValueError(f"{len(treatment.numerators)} users against {users}: the same are wanted")
    if users < 2 or not baseline.ratio:
        return _with_interval(treatment, baseline, float("nan"), confidence)
    ratio = treatment.ratio / baseline.ratio
    variance = float(np.var(treatment.influences - ratio * baseline.influences, ddof=1) / users)
    return _with_interval(treatment, baseline, variance, confidence)


def _with_interval(treatment: UserSums, baseline: UserSums, variance: float, confidence: float) -> RelativeDifference:
    """`variance` is that of T - (T / B) B, in the metric's own unit."""
    value, of_baseline = treatment.ratio, baseline.ratio
    if not of_baseline:
        nothing = float("nan")
        return RelativeDifference(value, of_baseline, nothing, nothing, nothing, nothing, nothing)
    relative, error = PERCENT * (value / of_baseline - 1), PERCENT * float(np.sqrt(variance)) / abs(of_baseline)
    baseline_error = PERCENT * float(np.sqrt(baseline.variance)) / abs(of_baseline)
    difference = RelativeDifference(value, of_baseline, relative, error, relative, relative, baseline_error)
    return difference.within(statistics.NormalDist().inv_cdf((1 + confidence) / 2) * error)
