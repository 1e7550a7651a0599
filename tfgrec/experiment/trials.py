"""Many small experiments whose truth is known: how often an interval leaves out zero with no effect, and with one.

One large world is lived through once for each strength of an effect, by the same people with the same chance. Its users
are dealt out to experiments, nobody to two; in each, a salted hash makes arms, and a user's outcomes are those of the
life that the arm's policy led. The truth is the difference of the lives over all users.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from tfgrec.config.experiment import ExperimentConfig
from tfgrec.experiment.assignment import assign
from tfgrec.experiment.day_of_sessions import live_day
from tfgrec.experiment.experiment_metrics import HEADLINE, METRICS, Metric, UserPeriod
from tfgrec.experiment.policies import LoggingPolicy, OraclePolicy, RandomPolicy
from tfgrec.experiment.pools import Policy, Pools
from tfgrec.experiment.statistics.cuped import adjusted
from tfgrec.experiment.statistics.delta_method import relative_difference
from tfgrec.experiment.statistics.sequential import always_valid
from tfgrec.experiment.user_sums import moods_after, user_sums
from tfgrec.progress import stage_progress
from tfgrec.simulation.keyed_random import keyed_uniform
from tfgrec.simulation.living_world import LivingWorld
from tfgrec.simulation.world import create_world

STRENGTHS = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Shares of requests that the better policy ranks by the truth."""
_BETTER = 102
# Beyond it, numbers of false positives are a sign of a mistake.
_CONFIDENCE = 0.99
_CHOSEN = tuple(metric for metric in METRICS if metric.name in HEADLINE)


class PartlyTrue:
    """Ranks some requests by the world's own appeal, and all others at random.

    Args:
      world: which appeal.
      share: of requests.
      seed: which.
    """

    def __init__(self, *, world: LivingWorld, share: float, seed: int) -> None:
        self._share, self._seed = share, seed
        self._true, self._random = OraclePolicy(world=world), RandomPolicy(seed=seed)

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        pairs = zip(asked, self._true.scores(asked), self._random.scores(asked), strict=True)
        return [np.where(self._is_better(pools)[:, np.newaxis], true, random) for pools, true, random in pairs]

    def _is_better(self, pools: Pools) -> np.ndarray:
        return keyed_uniform(self._seed, _BETTER, pools.day, pools.users, pools.numbers, pools.rounds) < self._share


def trials(config: ExperimentConfig, count: int, *, users: int = 300) -> dict[str, Any]:
    """Shares of experiments whose interval leaves out zero, as JSON values.

    Args:
      config: the world's dials, days and the confidence of intervals; the number of users is another one.
      count: experiments.
      users: in each of them, before those that never come.

    Returns:
      `false_positives` by metric, `plain`, `cuped`, `sequential` after a look each day, and `peeked`: plain intervals
      looked at each day. `expected`: between what the shares of plain and CUPED should lie. `power`, by strength of the
      effect: the `truth` in percent, and shares likewise.
    """
    settings = config.world_settings.model_copy(update={"users": count * users})
    world = LivingWorld(create_world(settings), config.living)
    before, lives = _lives(world, config)
    groups = np.arange(world.num_users).reshape(count, users)
    arms = np.array([_arms(world, group, number) for number, group in enumerate(groups)])
    low, high = binom.interval(_CONFIDENCE, count, 1 - config.confidence)
    found = {
        "experiments": count,
        "users": users,
        "days": config.days,
        "expected": [float(low / count), float(high / count)],
        "power": [
            {"strength": strength, **_shares(lives[0.0], lives[strength], before, groups, arms, config.confidence)}
            for strength in STRENGTHS
        ],
    }
    found["false_positives"] = {name: shares for name, shares in found["power"][0].items() if name != "strength"}
    return found


def _lives(world: LivingWorld, config: ExperimentConfig) -> tuple[UserPeriod, dict[float, list[UserPeriod]]]:
    """What all users did before, and under each strength up to each day of the experiment."""
    total = config.pre_days + config.days * len(STRENGTHS)
    with stage_progress("trials", total, unit="days") as advance:
        moods, days = np.zeros(world.num_users), []
        logging = LoggingPolicy(world=world, seed=config.seed)
        for day in range(config.pre_days):
            days.append(_lived(world, day, logging, moods))
            moods = moods_after(world, moods, days[-1])
            advance(1)
        lives = {}
        for strength in STRENGTHS:
            policy, own_moods, own_days = PartlyTrue(world=world, share=strength, seed=config.seed), moods, []
            for day in range(config.pre_days, config.pre_days + config.days):
                own_days.append(_lived(world, day, policy, own_moods))
                own_moods = moods_after(world, own_moods, own_days[-1])
                advance(1)
            lives[strength] = [UserPeriod(own_days[: look + 1], world.num_users) for look in range(config.days)]
    return UserPeriod(days, world.num_users), lives


def _lived(world: LivingWorld, day: int, policy: Policy, moods: np.ndarray) -> pd.DataFrame:
    arms = np.zeros(world.num_users, int)
    return user_sums(live_day(world, day, world.sessions(day, moods), arms=arms, policies={"": policy}, blocks=1))


def _arms(world: LivingWorld, group: np.ndarray, number: int) -> np.ndarray:
    return assign(world.world.user_ids[group].tolist(), ("baseline", "better"), salt=f"trial {number}", shares={})


def _shares(
    baseline: Sequence[UserPeriod],
    better: Sequence[UserPeriod],
    before: UserPeriod,
    groups: np.ndarray,
    arms: np.ndarray,
    confidence: float,
) -> dict[str, dict[str, float]]:
    """By metric, shares of experiments with a clear interval, and the truth."""
    found = {}
    for metric in _CHOSEN:
        clear = [
            _clear(metric, (baseline, better), before, group, of_group, confidence)
            for group, of_group in zip(groups, arms, strict=True)
        ]
        truth = [life[-1].sums(metric, life[-1].there).ratio for life in (baseline, better)]
        shares = {name: float(np.mean([one[name] for one in clear])) for name in clear[0]}
        found[metric.name] = {"truth": 100 * (truth[1] / truth[0] - 1), **shares}
    return found


def _clear(
    metric: Metric,
    lives: tuple[Sequence[UserPeriod], Sequence[UserPeriod]],
    before: UserPeriod,
    group: np.ndarray,
    arms: np.ndarray,
    confidence: float,
) -> Mapping[str, bool]:
    """Whether the intervals of one experiment leave out zero."""
    of_arms = [group[arms == 0], group[arms == 1]]
    looks = []
    for of_day in zip(*lives, strict=True):
        users = [of_arm[life.there[of_arm]] for life, of_arm in zip(of_day, of_arms, strict=True)]
        sums = [life.sums(metric, chosen) for life, chosen in zip(of_day, users, strict=True)]
        looks.append(relative_difference(sums[1], sums[0], confidence=confidence))
    names = ("baseline", "better")
    covariates = {name: before.covariates(metric, chosen) for name, chosen in zip(names, users, strict=True)}
    after = adjusted(dict(zip(names, sums, strict=True)), covariates)
    return {
        "plain": looks[-1].clear,
        "cuped": relative_difference(after["better"], after["baseline"], confidence=confidence).clear,
        "sequential": any(one.clear for one in always_valid(looks, confidence=confidence)),
        "peeked": any(one.clear for one in looks),
    }
