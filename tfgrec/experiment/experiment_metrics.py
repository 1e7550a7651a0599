"""Metrics as a platform states them: of each a mean a user, or a ratio of sums over users."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from tfgrec.experiment.statistics.delta_method import UserSums
from tfgrec.experiment.user_sums import SUMS, of_all_users


@dataclasses.dataclass(frozen=True)
class Metric:
    """`numerator` a user, or over `denominator` summed over users; `better` is which way people are served better."""

    name: str
    title: str
    numerator: str
    denominator: str | None = None
    better: Literal["higher", "lower", "neither"] = "higher"
    unit: str = ""


METRICS = (
    Metric("stay_duration", "stay duration a user", "stay_seconds", unit="s"),
    Metric("skipped", "skipped a user", "skipped", better="lower"),
    Metric("clicks", "clicks a user", "clicks"),
    Metric("likes", "likes a user", "likes"),
    Metric("long_views", "long views a user", "long_views"),
    Metric("impressions", "impressions a user", "impressions", better="neither"),
    Metric("sessions", "sessions a user", "sessions"),
    Metric("active_days", "days with a session a user", "active_days"),
    Metric("retention", "there again on the next day", "returns", "days_to_return"),
    Metric("skip_share", "skipped of impressions", "skipped", "impressions", better="lower"),
    Metric("click_share", "clicked of impressions", "clicks", "impressions"),
    Metric("stay_per_session", "stay duration a session", "stay_seconds", "sessions", unit="s"),
)
HEADLINE = ("stay_duration", "skipped", "clicks", "likes")


class UserPeriod:
    """What all users of a world did in some days: `[num_users]` arrays by name.

    Args:
      days: of each day, its `user_sums`.
      num_users: of the world.
    """

    def __init__(self, days: Sequence[pd.DataFrame], num_users: int) -> None:
        there = np.array([of_all_users(day, "impressions", num_users) > 0 for day in days]).reshape(-1, num_users)
        self._columns = {name: sum(of_all_users(day, name, num_users) for day in days) for name in SUMS}
        self._columns["stay_seconds"] = self._columns["stay_ms"] / 1_000
        self._columns["active_days"] = there.sum(axis=0)
        self._columns["returns"] = (there[:-1] & there[1:]).sum(axis=0)
        self._columns["days_to_return"] = there[:-1].sum(axis=0)
        self.there = there.any(axis=0)

    def column(self, name: str) -> np.ndarray:
        """One of the arrays, float64 `[num_users]`."""
        return np.asarray(self._columns[name], float)

    def sums(self, metric: Metric, users: np.ndarray) -> UserSums:
        """A metric of some users, given by positions or a mask."""
        numerators = self.column(metric.numerator)[users]
        if metric.denominator is None:
            return UserSums.of_means(numerators)
        return UserSums(numerators, self.column(metric.denominator)[users])

    def covariates(self, metric: Metric, users: np.ndarray) -> np.ndarray:
        """What CUPED reads of these days: float64 `[num_users, num_covariates]`, zeros where a user was not there."""
        names = [metric.numerator] + ([] if metric.denominator is None else [metric.denominator])
        known = self.there[users]
        return np.stack([*(self.column(name)[users] for name in names), known], axis=1).astype(float)
