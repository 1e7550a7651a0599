"""Sessions, answers and endings: pure functions of who is asked about what, with the dials that are written down."""

import numpy as np
import pytest

from tfgrec.config.living_world import LivingSettings
from tfgrec.simulation import WorldSettings, create_world
from tfgrec.simulation.keyed_random import keyed_gumbel, keyed_normal, keyed_uniform
from tfgrec.simulation.living_world import LivingWorld, boredom_after, in_domain
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS

SMALL = {"users": 400, "videos": 150, "live_rooms": 40, "authors": 30, "days": 4}


def living(signal: float = 1.0, **dials: float) -> LivingWorld:
    return LivingWorld(create_world(WorldSettings(**SMALL, graph_signal=signal)), LivingSettings(**dials))


@pytest.fixture(scope="module")
def world() -> LivingWorld:
    return living()


def test_keyed_chance_is_even_and_each_key_counts():
    users = np.arange(20_000)
    found = [keyed_uniform(3, users, 1), keyed_uniform(3, users, 2), keyed_uniform(4, users, 1)]
    for values in found:
        assert np.abs(np.histogram(values, bins=10, range=(0, 1))[0] - 2_000).max() < 200
    assert np.abs(np.corrcoef(found) - np.eye(3)).max() < 0.03
    np.testing.assert_array_equal(keyed_uniform(3, users[7:9], 1), found[0][7:9])
    assert keyed_normal(3, users).std() == pytest.approx(1, abs=0.02)
    assert keyed_gumbel(3, users).mean() == pytest.approx(0.5772, abs=0.03)


def test_sessions_are_those_of_the_day_and_come_with_the_mood(world):
    calm, glad = world.sessions(2, np.zeros(400)), world.sessions(2, np.full(400, 0.7))
    assert len(glad) == pytest.approx(2 * len(calm), rel=0.2)
    assert ((calm.starts >= FIRST_DAY_MS + 2 * DAY_MS) & (calm.starts < FIRST_DAY_MS + 3 * DAY_MS)).all()
    assert (np.diff(calm.starts) >= 0).all() and (world.world.join_days[calm.users] <= 2).all()
    # Who comes anyway comes at the same time.
    as_pairs = [set(zip(one.users, one.numbers, one.starts, one.scenarios, strict=True)) for one in (calm, glad)]
    assert as_pairs[0] < as_pairs[1]


def test_answers_do_not_depend_on_who_else_is_asked(world):
    sessions = world.sessions(1, np.zeros(400))
    sessions = sessions.taken(in_domain(sessions, "video"))
    items = world.pools("video", 1, sessions, np.zeros(len(sessions), int))[:, 3]
    items, places = np.maximum(items, 0), np.arange(len(sessions)) % 5
    some = np.arange(len(sessions))[::-3]
    all_answers = world.answers("video", 1, sessions, items, places, places % 2)
    answers = world.answers("video", 1, sessions.taken(some), items[some], places[some], places[some] % 2)
    for name, values in vars(answers).items():
        np.testing.assert_array_equal(values, vars(all_answers)[name][some], name)


def test_what_is_skipped_is_left_before_the_stated_share(world):
    sessions = world.sessions(1, np.zeros(400))
    sessions = sessions.taken(in_domain(sessions, "video"))
    items = np.maximum(world.pools("video", 1, sessions, np.zeros(len(sessions), int))[:, 0], 0)
    answers = world.answers("video", 1, sessions, items, np.zeros(len(items), int), np.zeros(len(items), int))
    lengths = world.world.catalogues["video"].duration_ms[items]
    np.testing.assert_array_equal(answers.skipped, answers.watch_time_ms < 0.25 * lengths)
    assert answers.skipped[~answers.is_click].all() and 0 < answers.skipped[answers.is_click].mean() < 0.5
    assert (answers.stay_ms[~answers.is_click] <= 3_000).all()
    assert answers.is_click.mean() == pytest.approx(answers.click_probability.mean(), abs=0.1)


def test_places_further_down_are_clicked_on_less(world):
    sessions = world.sessions(1, np.zeros(400))
    zeros = np.zeros(len(sessions), int)
    first, fourth = (
        world.answers("video", 1, sessions, zeros, zeros, zeros + position).click_probability for position in (0, 3)
    )
    logits = [np.log(chances / (1 - chances)) for chances in (first, fourth)]
    np.testing.assert_allclose(logits[0] - logits[1], 0.2 * np.log(4))


def test_sessions_end_by_boredom_and_by_satisfaction(world):
    sessions = world.sessions(1, np.zeros(400))

    def share(boredom: float, minutes: float, place: int = 0) -> float:
        ones = np.ones(len(sessions))
        ends = world.ends(1, sessions, place * ones.astype(int), boredom * ones, 60_000 * minutes * ones)
        return ends.mean()

    # sigmoid(-4 + 0.8 * 5) is a half, as is sigmoid(-4 + 0.5 * 8).
    assert share(0, 0) < 0.1
    assert share(5, 0) == pytest.approx(0.5, abs=0.1) and share(0, 8) == pytest.approx(0.5, abs=0.1)
    assert share(0, 0, place=59) == 1
    assert boredom_after(world.settings, np.array([2.0, 2.0]), np.array([True, False])).tolist() == [2.6, 1.6]


def test_moods_follow_what_was_seen(world):
    moods = world.next_moods(np.zeros(3), np.array([10, 10, 0]), np.array([2, 8, 0]))
    np.testing.assert_allclose(moods, [0.3 * 0.4, 0.3 * -0.2, 0.0])


def test_without_a_signal_affinity_says_nothing_and_what_suits_is_as_spread():
    with_signal, without = living(1.0), living(0.0)
    users, items = np.arange(400)[:, np.newaxis], np.arange(150)[np.newaxis]
    own = with_signal.suits("video", 2, users, items)
    found = without.suits("video", 2, users, items)
    assert abs(np.corrcoef(own.ravel(), found.ravel())[0, 1]) < 0.02
    assert found.std() == pytest.approx(own.std(), rel=0.15)
    np.testing.assert_array_equal(found[5:9, 3:5], without.suits("video", 2, users[5:9], items[:, 3:5]))
