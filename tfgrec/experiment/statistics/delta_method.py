"""Relative differences of two arms with intervals, by the delta method.

A metric is a ratio of sums over users, R = sum(n) / sum(d); a mean a user has d = 1. Users are what was drawn at
random, so they are the units, whatever the metric is a ratio of (Deng, Knoblich and Lu, "Applying the Delta Method in
Metric Analytics", KDD 2018, arXiv 1803.06336). With e_i = n_i - R d_i,

    Var(R) = Var(e) / (num_users * mean(d)^2)                                                 (1)
    Var(T / B - 1) = Var(T) / B^2 + T^2 Var(B) / B^4                                          (2)
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
        residuals = self.numerators - self.ratio * self.denominators
        return float(np.var(residuals, ddof=1) / (len(residuals) * np.mean(self.denominators) ** 2))


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
    value, of_baseline = treatment.ratio, baseline.ratio
    if not of_baseline:
        nothing = float("nan")
        return RelativeDifference(value, of_baseline, nothing, nothing, nothing, nothing, nothing)
    variance = treatment.variance / of_baseline**2 + value**2 * baseline.variance / of_baseline**4
    relative, error = PERCENT * (value / of_baseline - 1), PERCENT * float(np.sqrt(variance))
    baseline_error = PERCENT * float(np.sqrt(baseline.variance)) / abs(of_baseline)
    difference = RelativeDifference(value, of_baseline, relative, error, relative, relative, baseline_error)
    return difference.within(statistics.NormalDist().inv_cdf((1 + confidence) / 2) * error)
