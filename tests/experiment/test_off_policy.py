"""Off-policy estimates of choices whose truth is known: right where theory says so, and wrong where it says so."""

import numpy as np
import pytest

from tfgrec.config.living_world import LivingSettings
from tfgrec.experiment.policies import LoggingPolicy
from tfgrec.experiment.pools import Pools
from tfgrec.experiment.statistics.off_policy import (
    ESTIMATORS,
    LoggedChoices,
    effective_choices,
    estimate,
)
from tfgrec.simulation import WorldSettings, create_world
from tfgrec.simulation.living_world import LivingWorld


def logged_choices(*, uniform: bool, choices: int = 40_000) -> tuple[LoggedChoices, float]:
    """Choices among four actions in contexts of two kinds, of which the logging policy prefers the dear ones."""
    generator = np.random.default_rng(0)
    contexts = generator.integers(2, size=choices)
    truths = np.array([[0.1, 0.2, 0.3, 0.6], [0.5, 0.1, 0.4, 0.2]])
    logging = np.full((2, 4), 0.25) if uniform else np.array([[0.1, 0.2, 0.2, 0.5], [0.4, 0.1, 0.3, 0.2]])
    target = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    taken = (generator.random((choices, 1)) > logging[contexts].cumsum(axis=1)).sum(axis=1)
    model = truths + 0.05
    logged = LoggedChoices(
        rewards=(generator.random(choices) < truths[contexts, taken]).astype(float),
        propensities=logging[contexts, taken],
        targets=target[contexts, taken],
        modelled=model[contexts, taken],
        expected=(target * model)[contexts].sum(axis=1),
    )
    return logged, float((target * truths)[contexts].sum(axis=1).mean())


@pytest.mark.parametrize("name", ["ips", "snips", "doubly_robust"])
def test_weighted_estimates_hold_the_truth(name):
    logged, truth = logged_choices(uniform=False)
    found = estimate(ESTIMATORS[name](logged, 0.0))
    # Two intervals wide: one seed in 10,000 lies outside.
    assert abs(found.value - truth) < found.high - found.low
    assert found.high - found.low < 0.03


def test_replay_is_right_where_the_log_is_uniform_alone():
    logged, truth = logged_choices(uniform=True)
    found = estimate(ESTIMATORS["replay"](logged, 0.0))
    assert found.low - 0.01 < truth < found.high + 0.01
    biased, truth = logged_choices(uniform=False)
    assert abs(estimate(ESTIMATORS["replay"](biased, 0.0)).value - truth) > 0.01


def test_a_good_model_makes_intervals_narrower_and_a_floor_bounds_weights():
    logged, _ = logged_choices(uniform=False)
    plain, robust = (estimate(ESTIMATORS[name](logged, 0.0)) for name in ("ips", "doubly_robust"))
    assert robust.high - robust.low < 0.95 * (plain.high - plain.low)
    assert logged.weights(0.0).max() == pytest.approx(5) and logged.weights(0.25).max() == pytest.approx(4)
    same = LoggedChoices(*(np.ones(50) for _ in range(5)))
    assert effective_choices(same) == pytest.approx(50) and effective_choices(logged) < 20_000


def test_propensities_are_how_often_the_logging_policy_chooses_so():
    settings = WorldSettings(users=10, videos=30, live_rooms=20, authors=5, days=2)
    world = LivingWorld(create_world(settings), LivingSettings())
    policy = LoggingPolicy(world=world, seed=3)
    count = 20_000
    zeros = np.zeros(count, int)
    items = np.tile([3, -1, 8, 12, 20], (count, 1))
    # One user asks again and again.
    pools = Pools("video", 1, zeros, np.arange(count), zeros, zeros, zeros, items)
    scores = np.where(items >= 0, policy.scores([pools])[0], -np.inf)
    shares = np.bincount(scores.argmax(axis=1), minlength=5) / count
    np.testing.assert_allclose(shares, policy.first_place(pools.taken(np.array([0])))[0], atol=0.012)
