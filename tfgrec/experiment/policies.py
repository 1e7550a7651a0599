"""Policies that need no training: what an experiment's models are held against."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfgrec.config.world import SCENARIOS
from tfgrec.experiment.pools import Pools
from tfgrec.simulation.keyed_random import keyed_gumbel, keyed_uniform
from tfgrec.simulation.living_world import LivingWorld

# What chance is about, after the seed: apart from the world's own keys.
_RANDOM, _LOGGING = 100, 101


class RandomPolicy:
    """Any order is as likely."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        return [keyed_uniform(self._seed, _RANDOM, *_keys(pools)) for pools in asked]


class PopularPolicy:
    """The items with the most clicks come first.

    Args:
      clicks: by domain, of each item, `[num_items]`.
    """

    def __init__(self, *, clicks: Mapping[str, np.ndarray]) -> None:
        self._clicks = clicks

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        return [self._clicks[pools.domain][pools.items].astype(float) for pools in asked]


class OraclePolicy:
    """The best order there is: by the world's own appeal, which nobody else knows."""

    def __init__(self, *, world: LivingWorld) -> None:
        self._world = world

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        return [self._world.appeal(pools.domain, pools.day, pools.users[:, np.newaxis], pools.items) for pools in asked]


class LoggingPolicy:
    """What ranked before the experiment: knows tastes a little, by each scenario's `personalisation`, and explores."""

    def __init__(self, *, world: LivingWorld, seed: int) -> None:
        self._world, self._seed = world, seed

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        return [self._utilities(pools) + keyed_gumbel(self._seed, _LOGGING, *_keys(pools)) for pools in asked]

    def first_place(self, pools: Pools) -> np.ndarray:
        """Each item's probability to come first, `[num_requests, pool_size]`: a softmax, since chance is Gumbel."""
        utilities = np.where(pools.items >= 0, self._utilities(pools), -np.inf)
        odds = np.exp(utilities - utilities.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def _utilities(self, pools: Pools) -> np.ndarray:
        weights = np.array([scenario.personalisation for scenario in SCENARIOS])[pools.scenarios][:, np.newaxis]
        return weights * self._world.suits(pools.domain, pools.day, pools.users[:, np.newaxis], pools.items)


def _keys(pools: Pools) -> tuple[np.ndarray | int, ...]:
    columns = (pools.users, pools.numbers, pools.rounds)
    # An item of -1 is one of no pool's.
    return (pools.day, *(column[:, np.newaxis] for column in columns), np.maximum(pools.items, 0))
