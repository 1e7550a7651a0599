"""Which off-policy estimate to believe before an online test: estimates from the pre-period's log beside the truth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tfgrec.config.world import DOMAINS, SCENARIOS
from tfgrec.experiment.online_experiment import OnlineExperiment
from tfgrec.experiment.policies import LoggingPolicy, OraclePolicy, PopularPolicy
from tfgrec.experiment.pools import Policy, Pools
from tfgrec.experiment.statistics.off_policy import ESTIMATORS, LoggedChoices, effective_choices, estimate
from tfgrec.simulation.sessions import Sessions

FLOOR = 0.005
"""Below it a propensity counts as this much: weights stay bounded, and estimates are a little low for it."""
# Impressions of its scenario's mean that an item's own rate begins with.
_SMOOTHING = 10.0


def off_policy_table(experiment: OnlineExperiment) -> dict[str, Any]:
    """Estimates of the click rate of the first place of a session's first request, as JSON values.

    The log is the pre-period's second half; popularity and the reward model are counted on its first half. Policies are
    `popular`, `oracle` and `random`. Empty with fewer than two days before the experiment.
    """
    first = experiment.config.pre_days // 2
    if not first:
        return {}
    counted = pd.concat([experiment.impressions(day) for day in range(first)])
    parts: dict[str, list[tuple[LoggedChoices, np.ndarray]]] = {}
    least = 1.0
    for day in range(first, experiment.config.pre_days):
        for domain in DOMAINS:
            of_day = _Logged(experiment, day, domain, counted)
            if not len(of_day.pools):
                continue
            least = min(least, float(of_day.propensities.min()))
            for name in ("popular", "oracle", "random"):
                parts.setdefault(name, []).append(of_day.choices(name))
    return {
        "reward": "click at the first place of a session's first request",
        "floor": FLOOR,
        "least_propensity": least,
        "policies": {name: _estimates(of_policy, experiment.config.confidence) for name, of_policy in parts.items()},
    }


def _estimates(parts: list[tuple[LoggedChoices, np.ndarray]], confidence: float) -> dict[str, Any]:
    names = ("rewards", "propensities", "targets", "modelled", "expected")
    logged = LoggedChoices(**{name: np.concatenate([getattr(one, name) for one, _ in parts]) for name in names})
    truth = float(np.concatenate([of_part for _, of_part in parts]).mean())
    found = {}
    for name, sums in ESTIMATORS.items():
        one = estimate(sums(logged, FLOOR), confidence=confidence)
        found[name] = {"estimate": one.value, "low": one.low, "high": one.high, "error": one.value - truth}
    return {
        "truth": truth,
        "logged": float(logged.rewards.mean()),
        "choices": len(logged.rewards),
        "effective_choices": effective_choices(logged, FLOOR),
        "estimators": found,
    }


class _Logged:
    """First places of the first requests of one day and domain."""

    def __init__(self, experiment: OnlineExperiment, day: int, domain: str, counted: pd.DataFrame) -> None:
        self._world, self._day, self._domain = experiment.world, day, domain
        self._seed, self._counted = experiment.config.seed, counted[counted["domain"] == domain]
        rows = experiment.impressions(day)
        rows = rows[(rows["place"] == 0) & (rows["domain"] == domain)]
        self._rows = rows
        columns = [rows[name].to_numpy() for name in ("user", "session", "time_ms", "scenario")]
        self._sessions = Sessions(*columns)
        zeros = np.zeros(len(rows), int)
        items = self._world.pools(domain, day, self._sessions, zeros)
        users, numbers, times, scenarios = columns
        self.pools = Pools(domain, day, users, numbers, zeros, times, scenarios, items)
        self._chosen = items == rows["item"].to_numpy()[:, np.newaxis]
        policy = LoggingPolicy(world=self._world, seed=self._seed)
        self.propensities = policy.first_place(self.pools)[self._chosen]

    def choices(self, name: str) -> tuple[LoggedChoices, np.ndarray]:
        """The log beside a policy, and the true click probabilities of what that would choose, `[num_requests]`."""
        target = self._uniform() if name == "random" else self._best(self._policy(name))
        modelled, true = self._modelled(), self._true()
        logged = LoggedChoices(
            rewards=self._rows["is_click"].to_numpy(float),
            propensities=self.propensities,
            targets=target[self._chosen],
            modelled=modelled[self._chosen],
            expected=(target * modelled).sum(axis=1),
        )
        return logged, (target * true).sum(axis=1)

    def _policy(self, name: str) -> Policy:
        if name == "oracle":
            return OraclePolicy(world=self._world)
        return PopularPolicy(clicks={self._domain: self._rates("is_click")})

    def _uniform(self) -> np.ndarray:
        there = self.pools.items >= 0
        return there / there.sum(axis=1, keepdims=True)

    def _best(self, policy: Policy) -> np.ndarray:
        scores = np.where(self.pools.items >= 0, policy.scores([self.pools])[0], -np.inf)
        return np.eye(scores.shape[1])[scores.argmax(axis=1)]

    def _rates(self, column: str | None) -> np.ndarray:
        """Sums of a column over the counted impressions of each item, or their number."""
        weights = None if column is None else self._counted[column].to_numpy(float)
        size = len(self._world.world.catalogues[self._domain].ids)
        return np.bincount(self._counted["item"].to_numpy(int), weights, minlength=size)

    def _modelled(self) -> np.ndarray:
        """Click rates by item, shrunk to their scenario's, in the shape of the pools."""
        means = self._counted.groupby("scenario")["is_click"].mean()
        base = np.array([means.get(number, self._counted["is_click"].mean()) for number in range(len(SCENARIOS))])
        prior = base[self.pools.scenarios][:, np.newaxis]
        items = np.maximum(self.pools.items, 0)
        clicks, shown = self._rates("is_click")[items], self._rates(None)[items]
        return np.where(self.pools.items >= 0, (clicks + _SMOOTHING * prior) / (shown + _SMOOTHING), 0.0)

    def _true(self) -> np.ndarray:
        """The world's own click probabilities, in the shape of the pools."""
        zeros = np.zeros(len(self.pools), int)
        columns = [
            self._world.answers(
                self._domain, self._day, self._sessions, np.maximum(items, 0), zeros, zeros
            ).click_probability
            for items in self.pools.items.T
        ]
        return np.where(self.pools.items >= 0, np.stack(columns, axis=1), 0.0)


def off_policy_rows(table: Mapping[str, Any]) -> list[list[str]]:
    """Cells of the table, one row a policy and estimator, text."""
    rows = []
    for policy, found in table.get("policies", {}).items():
        for name, one in found["estimators"].items():
            rows.append(
                [
                    f"{policy}, {name.replace('_', ' ')}",
                    f"{found['truth']:.4f}",
                    f"{one['estimate']:.4f}",
                    f"[{one['low']:.4f}, {one['high']:.4f}]",
                    f"{one['error']:+.4f}",
                    f"{found['effective_choices']:,.0f} of {found['choices']:,}",
                ]
            )
    return rows
