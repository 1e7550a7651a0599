"""The numbers of an experiment that has been lived: what experiment.json holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tfgrec.config.world import SCENARIOS
from tfgrec.experiment.experiment_metrics import METRICS, Metric, UserPeriod
from tfgrec.experiment.guard_rails import guard_rails
from tfgrec.experiment.off_policy_table import off_policy_table
from tfgrec.experiment.online_experiment import OnlineExperiment
from tfgrec.experiment.shown_items import shown_items
from tfgrec.experiment.statistics.cuped import adjusted, variance_taken_off
from tfgrec.experiment.statistics.delta_method import RelativeDifference, relative_difference
from tfgrec.experiment.statistics.sample_ratio import check_sample_ratio
from tfgrec.experiment.statistics.sequential import always_valid
from tfgrec.experiment.user_sums import user_sums


def results(experiment: OnlineExperiment, *, baseline: str) -> dict[str, Any]:
    """Means, differences from the baseline with three intervals, curves, segments and guard rails, as JSON values.

    Raises:
      SampleRatioMismatch: the arms' users can't be those of the split.
    """
    before = UserPeriod(
        [user_sums(experiment.impressions(day)) for day in range(experiment.config.pre_days)],
        experiment.world.num_users,
    )
    frames = [experiment.impressions(day) for day in experiment.days]
    days = [user_sums(frame) for frame in frames]
    everything = UserPeriod(days, experiment.world.num_users)
    users = {
        arm: np.flatnonzero(everything.there & (experiment.assigned == number)) for number, arm in _arms(experiment)
    }
    counts = {arm: len(of_arm) for arm, of_arm in users.items()}
    shares = {arm: experiment.config.split.shares.get(arm, 1.0) for arm in experiment.arms}
    p_value = check_sample_ratio(counts, shares)
    looks = [UserPeriod(days[: number + 1], experiment.world.num_users) for number in range(len(days))]
    comparison = _Comparison(experiment, baseline, before)
    curves = comparison.curves(looks)
    return without_nan(
        {
            "name": experiment.config.name,
            "seed": experiment.config.seed,
            "days": experiment.config.days,
            "pre_days": experiment.config.pre_days,
            "baseline": baseline,
            "confidence": experiment.config.confidence,
            "users": counts,
            "sample_ratio": {"p_value": p_value},
            "arms": {
                arm: {metric.name: _mean(everything, metric, of_arm) for metric in METRICS}
                for arm, of_arm in users.items()
            },
            "differences": comparison.differences(everything, users, curves),
            "truth": _truth(experiment, baseline),
            "curves": curves,
            "segments": comparison.segments(frames, everything, users),
            "shown": shown_items(experiment, frames),
            "off_policy": off_policy_table(experiment),
            **guard_rails(experiment),
        }
    )


class _Comparison:
    """Differences of arms from the baseline."""

    def __init__(self, experiment: OnlineExperiment, baseline: str, before: UserPeriod) -> None:
        self._experiment, self._baseline, self._before = experiment, baseline, before
        self._confidence = experiment.config.confidence
        self._others = [arm for arm in experiment.arms if arm != baseline]

    def differences(
        self, period: UserPeriod, users: Mapping[str, np.ndarray], curves: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """By arm and metric: the plain interval, `cuped`, and `sequential`, that of the last look."""
        found: dict[str, dict[str, Any]] = {arm: {} for arm in self._others}
        for metric in METRICS:
            sums = {arm: period.sums(metric, of_arm) for arm, of_arm in users.items()}
            covariates = {arm: self._before.covariates(metric, of_arm) for arm, of_arm in users.items()}
            after = adjusted(sums, covariates)
            for arm in self._others:
                plain, cuped = (
                    relative_difference(one[arm], one[self._baseline], confidence=self._confidence)
                    for one in (sums, after)
                )
                last = curves[arm][metric.name][-1]
                found[arm][metric.name] = {
                    **as_json(plain),
                    "cuped": {**as_json(cuped), "variance_taken_off": variance_taken_off(plain, cuped)},
                    "sequential": {key: last["sequential"][key] for key in ("relative", "low", "high")},
                }
        return found

    def curves(self, looks: Sequence[UserPeriod]) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """By arm and metric, one look a day, at all until then: plain, and the interval that holds at every look."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = {arm: {} for arm in self._others}
        for metric in METRICS:
            for arm in self._others:
                plain = [self._difference(look, metric, arm, self._baseline) for look in looks]
                valid = always_valid(plain, confidence=self._confidence)
                found[arm][metric.name] = [
                    {**as_json(one), "sequential": as_json(other)} for one, other in zip(plain, valid, strict=True)
                ]
        return found

    def segments(
        self, frames: Sequence[pd.DataFrame], everything: UserPeriod, users: Mapping[str, np.ndarray]
    ) -> dict[str, dict[str, dict[str, Any]]]:
        """{segment: {arm: {metric: difference}}}: scenarios, and users with and without a past."""
        number = self._experiment.world.num_users
        parts = {}
        for position, scenario in enumerate(SCENARIOS):
            days = [user_sums(frame[frame["scenario"] == position]) for frame in frames]
            parts[scenario.name] = UserPeriod(days, number), np.ones(number, bool)
        parts["warm users"] = everything, self._before.there
        parts["cold users"] = everything, ~self._before.there
        chosen = [metric for metric in METRICS if metric.name in ("stay_duration", "skipped", "skip_share", "clicks")]
        return {
            name: {
                arm: {
                    metric.name: as_json(
                        relative_difference(
                            *(period.sums(metric, users[one][within[users[one]]]) for one in (arm, self._baseline)),
                            confidence=self._confidence,
                        )
                    )
                    for metric in chosen
                }
                for arm in self._others
            }
            for name, (period, within) in parts.items()
        }

    def _difference(self, period: UserPeriod, metric: Metric, arm: str, baseline: str) -> RelativeDifference:
        assigned, arms = self._experiment.assigned, self._experiment.arms
        sums = [
            period.sums(metric, np.flatnonzero(period.there & (assigned == arms.index(one)))) for one in (arm, baseline)
        ]
        return relative_difference(*sums, confidence=self._confidence)


def as_json(difference: RelativeDifference) -> dict[str, float]:
    """A difference's numbers by name, percent of the baseline's."""
    names = ("treatment", "baseline", "relative", "standard_error", "low", "high")
    return {name: getattr(difference, name) for name in names}


def without_nan(values: Any) -> Any:
    """JSON values with None for what is not a number."""
    if isinstance(values, dict):
        return {key: without_nan(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_nan(value) for value in values]
    if isinstance(values, float | np.floating):
        return float(values) if np.isfinite(values) else None
    return values


def _truth(experiment: OnlineExperiment, baseline: str) -> dict[str, dict[str, Any]]:
    """By arm and metric: the difference that the arms would make if each served everybody, of arms without training."""
    of_days = [experiment.truth(day) for day in experiment.days]
    if baseline not in experiment.plain_arms or any(frame is None for frame in of_days):
        return {}
    periods = {
        arm: UserPeriod([frame[frame["arm"] == arm] for frame in of_days], experiment.world.num_users)
        for arm in experiment.plain_arms
    }

    def ratio(arm: str, metric: Metric) -> float:
        return periods[arm].sums(metric, periods[arm].there).ratio

    return {
        arm: {
            metric.name: {
                "mean": ratio(arm, metric),
                "relative": 100 * (ratio(arm, metric) / ratio(baseline, metric) - 1),
            }
            for metric in METRICS
            if ratio(baseline, metric)
        }
        for arm in periods
        if arm != baseline
    }


def _mean(period: UserPeriod, metric: Metric, users: np.ndarray) -> dict[str, float]:
    sums = period.sums(metric, users)
    return {"mean": sums.ratio, "standard_error": float(np.sqrt(sums.variance))}


def _arms(experiment: OnlineExperiment) -> list[tuple[int, str]]:
    return list(enumerate(experiment.arms))
