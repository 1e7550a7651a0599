"""A world of known answers: an item is shown once, answers are the matrix's, the best policy finds what is there."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.kuairec_experiment import experiment
from tfgrec.experiment.answer_matrix import AnswerMatrixWorld, TablePolicy
from tfgrec.experiment.day_of_sessions import live_day
from tfgrec.experiment.policies import RandomPolicy

USERS, ITEMS = 90, 200


@pytest.fixture(scope="module")
def answers() -> np.ndarray:
    generator = np.random.default_rng(0)
    tastes, topics = generator.normal(size=(USERS, 3)), generator.normal(size=(ITEMS, 3))
    return tastes @ topics.T + generator.normal(size=ITEMS) > 2


def lived(answers: np.ndarray, policy, days: int = 3) -> pd.DataFrame:
    world, seen = AnswerMatrixWorld(answers, seed=2, requests_per_day=3), []
    for day in range(days):
        arms = np.zeros(USERS, int)
        seen.append(live_day(world, day, world.sessions(day), arms=arms, policies={"": policy}, blocks=1))
        world.see(seen[-1])
    return pd.concat(seen, ignore_index=True)


def test_answers_are_the_matrix_and_no_item_is_shown_twice(answers):
    found = lived(answers, RandomPolicy(seed=1))
    assert len(found) == 3 * USERS * 12 and not found.duplicated(["user", "item"]).any()
    np.testing.assert_array_equal(found["is_click"], answers[found["user"], found["item"]])
    assert found["is_click"].mean() == pytest.approx(answers.mean(), abs=0.03)


def test_the_oracle_shows_what_is_taken_while_there_is_any(answers):
    random, oracle = (lived(answers, policy) for policy in (RandomPolicy(seed=1), TablePolicy(answers.astype(float))))
    assert oracle["is_click"].mean() > 1.8 * random["is_click"].mean()
    popular = lived(answers, TablePolicy(answers.mean(axis=0)))
    assert random["is_click"].mean() < popular["is_click"].mean() < oracle["is_click"].mean()


def test_the_benchmark_finds_the_order_that_is_true(answers):
    generator = np.random.default_rng(1)
    # A log of the same people and videos, each pair with the chance that it is taken.
    users, items = np.nonzero(answers & (generator.random(answers.shape) < 0.5))
    log = pd.DataFrame({"user_id": users, "video_id": items})
    found = experiment(pd.DataFrame(answers), log, days=2, rank=4, seed=3)
    shares = {name: of_arm["watched_twice"] for name, of_arm in found["arms"].items()}
    assert shares["random"] < shares["popular"] < shares["svd"] < shares["oracle"]
    oracle = found["differences"]["oracle"]
    assert oracle["plain"]["low"] - 20 < oracle["truth"] < oracle["plain"]["high"] + 20
    assert found["arms"]["popular"]["coverage"] < found["arms"]["random"]["coverage"]
