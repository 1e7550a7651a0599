"""A day of an experiment: each user meets the same world whatever arm others are in, and better ranking shows."""

import numpy as np
import pandas as pd
import pytest

from tfgrec.config.living_world import LivingSettings
from tfgrec.experiment.day_of_sessions import live_day
from tfgrec.experiment.policies import OraclePolicy, PopularPolicy, RandomPolicy
from tfgrec.experiment.pools import Pools, slates
from tfgrec.simulation import WorldSettings, create_world
from tfgrec.simulation.living_world import LivingWorld
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS

USERS = 500
SETTINGS = WorldSettings(users=USERS, videos=150, live_rooms=40, authors=30, days=3)


@pytest.fixture(scope="module")
def world() -> LivingWorld:
    return LivingWorld(create_world(SETTINGS), LivingSettings())


def lived(world: LivingWorld, arms: np.ndarray, policies: dict, **options) -> pd.DataFrame:
    return live_day(world, 1, world.sessions(1, np.zeros(USERS)), arms=arms, policies=policies, **options)


def test_a_users_day_is_that_of_the_own_arm_alone(world):
    policies = {"random": RandomPolicy(seed=1), "oracle": OraclePolicy(world=world)}
    arms = np.arange(USERS) % 2
    both = lived(world, arms, policies)
    for position, (name, policy) in enumerate(policies.items()):
        alone = lived(world, np.zeros(USERS, int), {name: policy}, blocks=3)
        expected = alone[arms[alone["user"]] == position].drop(columns="arm").reset_index(drop=True)
        found = both[both["arm"] == position].drop(columns="arm").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected)


def test_the_oracle_keeps_people_and_is_skipped_less(world):
    random = lived(world, np.zeros(USERS, int), {"random": RandomPolicy(seed=1)})
    oracle = lived(world, np.zeros(USERS, int), {"oracle": OraclePolicy(world=world)})
    assert oracle["stay_ms"].sum() > 1.5 * random["stay_ms"].sum()
    assert oracle["skipped"].sum() < 0.7 * random["skipped"].sum()


def test_impressions_are_of_their_session_and_no_item_comes_twice(world):
    seen = []
    frame = lived(world, np.zeros(USERS, int), {"random": RandomPolicy(seed=1)}, observe=seen.append)
    assert not frame.duplicated(["user", "session", "item"]).any() and (frame["item"] >= 0).all()
    assert frame["time_ms"].between(FIRST_DAY_MS + DAY_MS, FIRST_DAY_MS + 2 * DAY_MS - 1).all()
    for _, session in frame.groupby(["user", "session"]):
        assert session["place"].tolist() == list(range(len(session)))
        assert session["time_ms"].nunique() == session["round"].nunique() == session["round"].max() + 1
    rows = pd.concat(seen).sort_values(["time_ms", "user", "place"], ignore_index=True)
    pd.testing.assert_frame_equal(rows, frame)


def test_slates_hold_the_best_that_are_there():
    ones = np.ones(2, int)
    pools = Pools("video", 0, ones, ones, ones, ones, ones, items=np.array([[4, -1, 6], [7, 8, 9]]))
    found = slates(pools, np.array([[1.0, 9.0, 2.0], [0.0, 3.0, 3.0]]), 3)
    assert found.tolist() == [[6, 4, -1], [8, 9, 7]]
    popular = PopularPolicy(clicks={"video": np.arange(10)[::-1]})
    assert popular.scores([pools])[0][1].tolist() == [2, 1, 0]
