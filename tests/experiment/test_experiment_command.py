"""tfgrec-experiment on arms that need no training: the same seed, killed or not, gives the same numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfgrec.commands.experiment import main
from tfgrec.config.experiment import load_experiment_config
from tfgrec.experiment import online_experiment, results
from tfgrec.experiment.assignment import assign
from tfgrec.experiment.statistics.sample_ratio import SampleRatioMismatch

CONFIG = Path(__file__).parents[2] / "configs" / "experiment_demo.yaml"
SMALL = ["world.users=700", "world.videos=120", "world.live_rooms=30", "world.authors=30"]
SMALL += ["pre_days=2", "days=3", "blocks_per_day=1", "living.most_impressions=12"]
ARMS = ["random", "popular", "oracle"]


def command(folder: Path, *further: str, arms: list[str] = ARMS, baseline: str = "random") -> list[str]:
    given = ["--config", str(CONFIG), "--run-dir", str(folder), "--baseline", baseline]
    return [*given, "--arms", *arms, "--set", *SMALL, *further]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiments") / "whole"
    assert main(command(folder)) == 0
    return folder


def test_the_summary_has_means_differences_and_the_truth(folder):
    found = json.loads((folder / "experiment.json").read_text())
    assert sum(found["users"].values()) <= 700 and set(found["users"]) == set(ARMS)
    assert {"stay_duration", "skipped", "clicks", "likes"} <= set(found["arms"]["oracle"])
    stay = found["differences"]["oracle"]["stay_duration"]
    assert stay["low"] < stay["relative"] < stay["high"] and stay["sequential"]["low"] < stay["low"]
    means = {arm: of_arm["stay_duration"]["mean"] for arm, of_arm in found["arms"].items()}
    assert stay["relative"] == pytest.approx(100 * (means["oracle"] / means["random"] - 1))
    assert found["truth"]["oracle"]["stay_duration"]["relative"] > 30
    assert found["truth"]["oracle"]["skipped"]["relative"] < -30
    assert len(found["curves"]["oracle"]["skipped"]) == 3
    of_oracle = found["off_policy"]["policies"]["oracle"]
    assert of_oracle["truth"] > of_oracle["logged"] + 0.1
    assert of_oracle["estimators"]["snips"]["estimate"] > of_oracle["logged"]


def test_the_configuration_that_a_run_keeps_is_the_same_experiment(folder):
    kept = folder / "experiment.yaml"
    assert load_experiment_config(kept) == load_experiment_config(CONFIG, SMALL)
    assert main(["--config", str(kept), "--run-dir", str(folder), "--baseline", "random", "--arms", *ARMS]) == 0


def test_means_are_those_of_the_impressions(folder):
    found = json.loads((folder / "experiment.json").read_text())
    days = [pd.read_parquet(folder / "days" / f"{day:03d}" / "impressions.parquet") for day in (2, 3, 4)]
    oracle = pd.concat(days).query("arm == 2")
    assert found["users"]["oracle"] == oracle["user"].nunique()
    expected = oracle["stay_ms"].sum() / 1_000 / oracle["user"].nunique()
    assert found["arms"]["oracle"]["stay_duration"]["mean"] == pytest.approx(expected)
    assert found["arms"]["oracle"]["skip_share"]["mean"] == pytest.approx(oracle["skipped"].mean())
    active = oracle.groupby("user")["day"].nunique().sum() / oracle["user"].nunique()
    assert found["arms"]["oracle"]["active_days"]["mean"] == pytest.approx(active)


def test_the_report_is_one_page_without_a_network(folder):
    page = (folder / "experiment.html").read_text()
    for heading in ("Differences", "Day by day", "Truth", "What was shown"):
        assert f"<h2>{heading}</h2>" in page
    assert not [part for part in page.split("<script>")[0].split('"') if part.startswith("http")]


def test_what_was_killed_goes_on_to_the_same_end(folder, tmp_path, monkeypatch):
    lived, count = online_experiment.live_day, 0

    def killed(*arguments, **options):
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return lived(*arguments, **options)

    monkeypatch.setattr(online_experiment, "live_day", killed)
    assert main(command(tmp_path)) == 130
    assert not (tmp_path / "experiment.json").exists()
    assert main(command(tmp_path)) == 0
    assert (tmp_path / "experiment.json").read_text() == (folder / "experiment.json").read_text()


def test_another_experiment_is_refused(folder, capsys):
    assert main(command(folder, "seed=3")) == 2
    assert "holds another experiment" in capsys.readouterr().err


def test_mistakes_are_named(tmp_path, capsys):
    assert main(command(tmp_path, arms=["random", "oracel"])) == 2
    assert "--arms oracel: is no arm: did you mean 'oracle'?" in capsys.readouterr().err
    assert main(command(tmp_path, baseline="joint")) == 2
    assert "--baseline joint: is not among --arms" in capsys.readouterr().err
    assert main(command(tmp_path, "living.boredom_strenght=1")) == 2
    assert "unknown key 'living.boredom_strenght': did you mean 'boredom_strength'?" in capsys.readouterr().err
    assert main(command(tmp_path, "world.days=9")) == 2
    assert "set pre_days, days and living.sessions_per_day" in capsys.readouterr().err


def test_a_split_that_does_not_hold_stops_the_report(folder, monkeypatch):
    config = load_experiment_config(CONFIG, SMALL)
    experiment = online_experiment.OnlineExperiment(config, ARMS, folder)
    # Some mistake has moved half of one arm's users to another one.
    moved = experiment.assigned.copy()
    moved[np.flatnonzero(moved == 0)[::2]] = 1
    monkeypatch.setattr(experiment, "assigned", moved)
    with pytest.raises(SampleRatioMismatch, match="sample ratio mismatch"):
        results.results(experiment, baseline="random")


def test_the_split_has_its_shares_and_another_salt_is_another_split():
    users = list(range(20_000))
    first = assign(users, ["a", "b", "c"], salt="one", shares={"c": 2.0})
    assert np.bincount(first) / 20_000 == pytest.approx([0.25, 0.25, 0.5], abs=0.012)
    second = assign(users, ["a", "b", "c"], salt="two", shares={"c": 2.0})
    together = np.histogram2d(first, second, bins=3)[0] / 20_000
    np.testing.assert_allclose(together, np.outer([0.25, 0.25, 0.5], [0.25, 0.25, 0.5]), atol=0.012)
    np.testing.assert_array_equal(assign(users[7:9], ["a", "b", "c"], salt="one", shares={"c": 2.0}), first[7:9])
