"""Intervals over users and seeds: their coverage where either or both matter, and what draws of seeds are."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tfgrec.metrics import paired_replicates
from tfgrec.metrics.seed_chance import seed_shifts

CONFIDENCE = 0.8
TRIALS = 250
USERS = 60


def covers(trial: int, *, seeds: tuple[int, int], user_spread: float, seed_spread: float, averaged: bool) -> bool:
    """Whether the interval of a difference of mean errors holds 0, which it is over all users and seeds.

    `averaged`: the seeds' predictions are averaged first, so that seeds are forgotten.
    """
    generator = np.random.default_rng([trial, *seeds])
    users = np.repeat(np.arange(USERS), 3)
    of_user = user_spread * generator.normal(size=USERS)[users]

    def side(count: int, effect: np.ndarray) -> list[np.ndarray]:
        # Far above the labels, so that mean absolute errors are sums of all effects.
        scores = 50 + effect + 0.1 * generator.normal(size=(count, len(users)))
        scores += seed_spread * generator.normal(size=(count, 1))
        return [scores.mean(axis=0)] if averaged else list(scores)

    sides = side(seeds[0], np.zeros(len(users))), side(seeds[1], of_user)
    found = paired_replicates("mae", np.zeros(len(users)), users, *sides, replicates=200, seed=trial)
    tail = (1 - CONFIDENCE) / 2
    return found.quantile(tail) <= 0 <= found.quantile(1 - tail)


def coverage(**options) -> float:
    return float(np.mean([covers(trial, **options) for trial in range(TRIALS)]))


@pytest.mark.parametrize("seeds", [(2, 2), (3, 3), (2, 4)])
@pytest.mark.parametrize(("user_spread", "seed_spread"), [(1.0, 0.0), (0.2, 0.5), (1.0, 0.15)])
def test_the_interval_covers_as_often_as_it_says(seeds, user_spread, seed_spread):
    found = coverage(seeds=seeds, user_spread=user_spread, seed_spread=seed_spread, averaged=False)
    # Four standard errors of the share of 250; users and two seeds together are covered a little too often.
    assert CONFIDENCE - 0.1 < found < CONFIDENCE + 0.15


def test_without_seeds_the_interval_is_too_narrow():
    """The test above would not pass for averaged predictions."""
    assert coverage(seeds=(3, 3), user_spread=0.2, seed_spread=0.5, averaged=True) < CONFIDENCE - 0.3


def test_a_draw_of_seeds_is_of_students_t():
    shifts = seed_shifts([0.0, 0.0, 0.0], [1.0, 2.0, 6.0], replicates=4_000, seed=3)
    error = np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    # Two degrees of freedom: 4.303 and 1.886 are in every table.
    assert np.quantile(shifts, [0.025, 0.975, 0.9]) / error == pytest.approx([-4.303, 4.303, 1.886], rel=0.03)
    assert np.abs(np.corrcoef(shifts, np.arange(4_000))[0, 1]) < 0.1
    again = seed_shifts([0.0, 0.0, 0.0], [1.0, 2.0, 6.0], replicates=4_000, seed=3)
    np.testing.assert_array_equal(shifts, again)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6), st.floats(-1, 1))
def test_what_moves_both_sides_of_a_pair_adds_nothing(values, gain):
    shifts = seed_shifts(values, [value + gain for value in values], replicates=50, seed=0)
    assert np.abs(shifts).max() < 1e-9


def test_one_seed_says_nothing_of_others():
    np.testing.assert_array_equal(seed_shifts([0.5], [0.7], replicates=20, seed=0), np.zeros(20))
    assert np.ptp(seed_shifts([0.5], [0.7, 0.8], replicates=20, seed=0)) > 0
