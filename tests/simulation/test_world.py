"""The world and its logs: reproducible, of the stated sizes, and consistent with themselves."""

import dataclasses

import numpy as np
import pytest

from tfgrec.config.world import SCENARIOS
from tfgrec.simulation import DOMAINS, Interactions, World, WorldSettings, create_world, simulate_interactions
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS

SETTINGS = WorldSettings(users=400, videos=200, live_rooms=60, authors=30, days=6, impressions=8_000)


@pytest.fixture(scope="module")
def world() -> World:
    return create_world(SETTINGS)


@pytest.fixture(scope="module")
def logs(world) -> dict[str, Interactions]:
    return simulate_interactions(world)


def assert_same(first, second):
    for field in dataclasses.fields(Interactions):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_the_seed_decides_everything(logs):
    again = simulate_interactions(create_world(SETTINGS))
    other = simulate_interactions(create_world(SETTINGS.model_copy(update={"seed": 1})))
    for domain in DOMAINS:
        assert_same(logs[domain], again[domain])
        assert not np.array_equal(logs[domain].times, other[domain].times)


def test_affinity_has_about_unit_variance_and_decides_clicks(world, logs):
    users, items = np.meshgrid(np.arange(SETTINGS.users), np.arange(SETTINGS.videos))
    assert world.affinity("video", 0, users, items).std() == pytest.approx(1, abs=0.25)
    log = logs["video"]
    affinity = np.concatenate([world.affinity("video", day, *_of_day(log, day)) for day in range(SETTINGS.days)])
    clicks = np.concatenate([log.is_click[log.days == day] for day in range(SETTINGS.days)])
    assert clicks[affinity > 1].mean() > 2 * clicks[affinity < -1].mean()


def _of_day(log, day):
    return log.users[log.days == day], log.items[log.days == day]


def test_logs_are_about_as_long_as_asked_and_clicks_about_as_likely(logs):
    assert sum(len(log) for log in logs.values()) == pytest.approx(SETTINGS.impressions, rel=0.1)
    for log in logs.values():
        assert log.is_click.mean() == pytest.approx(log.click_probability.mean(), abs=0.03)
        assert 0.2 < log.is_click.mean() < 0.7
        assert 0.005 < log.is_like.mean() < 0.15


@pytest.mark.parametrize("domain", DOMAINS)
def test_nobody_watches_before_they_joined_nor_what_is_not_there_yet(world, logs, domain):
    log, catalogue = logs[domain], world.catalogues[domain]
    assert (world.join_days[log.users] <= log.days).all()
    assert (catalogue.first_day[log.items] <= log.days).all()
    # The last day has users and items that no earlier day has: cold start is there to be evaluated.
    last = log.days == SETTINGS.days - 1
    assert np.setdiff1d(log.users[last], log.users[~last]).size > 0
    assert (catalogue.first_day[log.items[last]] == SETTINGS.days - 1).any()


@pytest.mark.parametrize("domain", DOMAINS)
def test_rows_are_in_order_and_within_their_day(logs, domain):
    log = logs[domain]
    assert (np.diff(log.times) >= 0).all()
    assert ((log.times - FIRST_DAY_MS) // DAY_MS == log.days).all()
    assert {SCENARIOS[position].domain for position in np.unique(log.scenarios)} == {domain}


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_request_shows_distinct_items_in_the_numbers_of_its_scenario(logs, domain):
    log = logs[domain]
    rows = np.stack([log.users, log.times, log.scenarios])
    _, request, sizes = np.unique(rows, axis=1, return_inverse=True, return_counts=True)
    request = request.reshape(-1)
    assert len(np.unique(np.stack([request, log.items]), axis=1).T) == len(log)
    for position in np.unique(log.scenarios):
        of_scenario = sizes[np.unique(request[log.scenarios == position])]
        # A pool drawn by popularity holds repeated items: a small catalogue may leave fewer than wanted.
        assert of_scenario.max() == SCENARIOS[position].candidates[1]
        assert (of_scenario < SCENARIOS[position].candidates[0]).mean() < 0.01


def test_outcomes_agree_with_each_other(logs):
    for log in logs.values():
        assert (log.watch_time_ms[~log.is_click] == 0).all()
        assert log.is_click[log.long_view].all()
        assert log.is_click[log.is_like].all()
        assert log.is_like[log.follows].all()
        assert 0 < log.long_view.sum() < log.is_click.sum()


def test_topics_lie_near_their_authors_in_both_domains(world):
    def agreement(first, second, shuffle=False):
        order = np.random.default_rng(0).permutation(len(second.authors)) if shuffle else slice(None)
        same = first.authors[:, np.newaxis] == second.authors[order][np.newaxis]
        return (first.topics @ second.topics.T)[same].mean()

    video, live = world.catalogues["video"], world.catalogues["live"]
    assert agreement(video, live) > 0.7 > 0.3 > agreement(video, live, shuffle=True)


def test_tastes_drift_a_little_each_day(world):
    step = (world.tastes[1:] * world.tastes[:-1]).sum(axis=-1)
    whole = (world.tastes[0] * world.tastes[-1]).sum(axis=-1)
    assert step.mean() > 0.99 > whole.mean() > 0.9
