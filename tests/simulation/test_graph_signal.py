"""The dial: at 1 the world of before, at 0 nothing in the graph, and as much in between as it says."""

import hashlib

import numpy as np
import pytest
from test_planted_signal import click_aucs

from tfgrec.commands.simulate import main
from tfgrec.config.world import SCENARIOS
from tfgrec.metrics import task_metric
from tfgrec.simulation import DOMAINS, Interactions, World, WorldSettings, create_world, simulate_interactions
from tfgrec.simulation.suitability import suitability

SMALL = WorldSettings(users=400, videos=200, live_rooms=60, authors=30, days=6, impressions=8_000)
# What simulate_interactions made of SMALL before there was a dial.
DIGEST_OF_BEFORE = "f29f658c01fa23de699c36aaaf2afe59ba8ebfc77661dd4bc2bdd17b4d387abb"


def lived(signal: float, **settings: float) -> tuple[World, dict[str, Interactions]]:
    world = create_world(WorldSettings(graph_signal=signal, **settings))
    return world, simulate_interactions(world)


def joined(logs: dict[str, Interactions], name: str) -> np.ndarray:
    return np.concatenate([getattr(logs[domain], name) for domain in DOMAINS])


def by_impression(world: World, logs: dict[str, Interactions]) -> tuple[np.ndarray, np.ndarray]:
    """Latent affinity of user and item, and the logit of a click without it, of each impression."""
    affinities, logits = [], []
    for domain in DOMAINS:
        log, catalogue = logs[domain], world.catalogues[domain]
        affinity, trend = np.zeros(len(log)), np.zeros(len(log))
        for day in range(world.settings.days):
            rows = log.days == day
            affinity[rows] = world.affinity(domain, day, log.users[rows], log.items[rows])
            trend[rows] = world.trend(domain, day, log.items[rows])
        click_logits = np.array([scenario.click_logit for scenario in SCENARIOS])[log.scenarios]
        affinities.append(affinity)
        logits.append(click_logits + world.biases[log.users] + catalogue.quality[log.items] + trend)
    return np.concatenate(affinities), np.concatenate(logits)


@pytest.fixture(scope="module")
def worlds() -> dict[float, tuple[World, dict[str, Interactions]]]:
    return {signal: lived(signal) for signal in (0.0, 0.3, 0.7, 1.0)}


def test_at_one_the_world_is_what_it_was_without_a_dial():
    logs = simulate_interactions(create_world(SMALL))
    digest = hashlib.sha256()
    for name in ("users", "items", "times", "scenarios", "is_click", "long_view", "is_like", "follows"):
        digest.update(joined(logs, name).astype("<i8").tobytes())
    assert digest.hexdigest() == DIGEST_OF_BEFORE


def test_the_seed_decides_everything_at_any_dial():
    first, again = (lived(0.4, **SMALL.model_dump(exclude={"graph_signal"}))[1] for _ in range(2))
    for name in ("users", "items", "times", "is_click", "watch_time_ms", "click_probability"):
        np.testing.assert_array_equal(joined(first, name), joined(again, name))


def test_affinity_says_the_more_the_further_the_dial_is_up_and_nothing_at_zero(worlds):
    beyond, alone = {}, {}
    for signal, (world, logs) in worlds.items():
        affinity, logit = by_impression(world, logs)
        clicks = joined(logs, "is_click").astype(float)
        beyond[signal] = task_metric(
            "auc", clicks, logit + signal * world.settings.taste_strength * affinity
        ) - task_metric("auc", clicks, logit)
        alone[signal] = task_metric("auc", clicks, affinity)
    # 60,000 rows: a standard error of .0024.
    assert alone[0.0] == pytest.approx(0.5, abs=0.008)
    assert beyond[0.0] == 0
    assert beyond[0.3] > 0.01 and beyond[0.7] > beyond[0.3] + 0.03 and beyond[1.0] > beyond[0.7] + 0.03
    assert alone[0.0] < alone[0.3] < alone[0.7] < alone[1.0]


def test_at_zero_the_same_user_and_item_again_are_strangers(worlds):
    for signal, apart in ((0.0, False), (1.0, True)):
        world, logs = worlds[signal]
        log = logs["video"]
        chance = np.log(log.click_probability / (1 - log.click_probability)) - by_impression(world, logs)[1][: len(log)]
        order = np.lexsort((log.times, log.items, log.users))
        pair = (log.users * world.settings.videos + log.items)[order]
        again = np.flatnonzero(pair[1:] == pair[:-1])
        assert len(again) > 1_000
        correlation = np.corrcoef(chance[order][again], chance[order][again + 1])[0, 1]
        assert correlation > 0.9 if apart else abs(correlation) < 4 / np.sqrt(len(again))


def test_at_zero_users_are_shown_what_all_are_shown(worlds):
    for signal, personal in ((0.0, False), (1.0, True)):
        world, logs = worlds[signal]
        log = logs["video"]
        topics = world.catalogues["video"].topics[log.items]
        shown = (topics * world.tastes[log.days, log.users]).sum(axis=1).mean()
        to_others = (topics * world.tastes[log.days, np.random.default_rng(0).permutation(log.users)]).sum(axis=1)
        assert (shown > to_others.mean() + 0.05) == personal
        # The affinity of 47,000 rows has a standard error of .002.
        assert personal or abs(shown - to_others.mean()) < 0.012


def test_suitability_has_one_distribution_at_every_dial_and_the_dial_as_its_correlation_with_affinity():
    found = {}
    for signal in (0.0, 0.5, 1.0):
        world = create_world(WorldSettings(graph_signal=signal))
        generator = np.random.default_rng(3)
        users = generator.choice(len(world.activity), size=4_000, p=world.activity / world.activity.sum())
        pool = generator.integers(world.settings.videos, size=(4_000, 24))
        own = world.affinity("video", 9, users[:, np.newaxis], pool)
        found[signal] = suitability(world, SCENARIOS[0], 9, users, pool)
        assert np.corrcoef(own.ravel(), found[signal].ravel())[0, 1] == pytest.approx(signal, abs=0.02)
    np.testing.assert_array_equal(found[1.0], own)
    quantiles = [np.quantile(values, np.linspace(0.05, 0.95, 7)) for values in found.values()]
    np.testing.assert_allclose(quantiles[0], quantiles[2], atol=0.05)
    np.testing.assert_allclose(quantiles[1], quantiles[2], atol=0.05)


def test_rates_and_the_truths_own_auc_stay(worlds):
    clicks = {signal: joined(logs, "is_click").mean() for signal, (_, logs) in worlds.items()}
    truths = {
        signal: task_metric("auc", joined(logs, "is_click").astype(float), joined(logs, "click_probability"))
        for signal, (_, logs) in worlds.items()
    }
    assert max(clicks.values()) - min(clicks.values()) < 0.03
    assert max(truths.values()) - min(truths.values()) < 0.02


@pytest.mark.slow
def test_at_zero_the_graph_knows_nothing_that_counts_do_not(tmp_path):
    found = click_aucs(WorldSettings(graph_signal=0), tmp_path)
    assert found["with graph"] == pytest.approx(found["features and counts"], abs=0.01)


def test_the_command_has_the_dial(tmp_path, capsys):
    assert main(["--output", str(tmp_path / "new"), "--graph-signal", "1.5"]) == 2
    assert "--graph-signal 1.5: Input should be less than or equal to 1" in capsys.readouterr().err
