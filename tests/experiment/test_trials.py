"""Experiments whose truth is known: no effect is seldom clear, a large one often, and the truth grows with it."""

from pathlib import Path

import pytest

from tfgrec.config.experiment import load_experiment_config
from tfgrec.experiment.trials import trials

CONFIG = Path(__file__).parents[2] / "configs" / "experiment_demo.yaml"
SETTINGS = ["world.videos=120", "world.live_rooms=30", "pre_days=2", "days=3", "living.most_impressions=12"]


@pytest.fixture(scope="module")
def found() -> dict:
    return trials(load_experiment_config(CONFIG, SETTINGS), 40, users=120)


def test_no_effect_is_clear_as_seldom_as_stated(found):
    low, high = found["expected"]
    assert low == 0 and high < 0.2
    for name in ("stay_duration", "skipped", "clicks"):
        shares = found["false_positives"][name]
        assert shares["truth"] == 0
        assert max(shares["plain"], shares["cuped"], shares["sequential"]) <= high, name


def test_power_grows_with_the_known_effect(found):
    truths = [one["stay_duration"]["truth"] for one in found["power"]]
    assert truths == sorted(truths) and truths[-1] > 15
    assert [one["skipped"]["truth"] for one in found["power"]][-1] < -8
    weakest, strongest = found["power"][0]["skipped"], found["power"][-1]["skipped"]
    assert strongest["plain"] > weakest["plain"] + 0.2
