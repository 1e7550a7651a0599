"""Arms compared: what differs, how sure that is, and what is refused."""

import json

import pytest

from tfgrec.errors import InputDataError
from tfgrec.report import compare_arms, write_comparison_report


@pytest.fixture
def arms(make_run):
    return {
        "no_graph": [make_run(f"no_graph_{seed}", quality=1.0, seed=seed, arm="no_graph") for seed in (1, 2)],
        "joint": [make_run(f"joint_{seed}", quality=2.0, seed=seed) for seed in (3, 4)],
        "two_stage": [make_run(f"two_stage_{seed}", quality=1.0, seed=seed, arm="two_stage") for seed in (5, 6)],
    }


def test_a_better_arm_is_told_from_an_equal_one(arms):
    found = compare_arms(arms, baseline="no_graph", replicates=100)
    assert set(found.differences) == {"joint", "two_stage"}
    better, equal = found.differences["joint"]["is_click"], found.differences["two_stage"]["is_click"]
    assert better["auc"].low > 0 and better["auc"].clear
    assert not equal["auc"].clear
    assert found.differences["joint"]["watch_time"]["concordance"].clear


def test_differences_are_of_the_means_in_the_metrics(arms):
    found = compare_arms(arms, baseline="no_graph", replicates=20)
    values = [json.loads((run / "metrics.json").read_text())["validation"]["is_click"]["auc"] for run in arms["joint"]]
    summary = found.metrics["joint"]["is_click"]["auc"]
    assert summary.mean == pytest.approx(sum(values) / 2)
    assert summary.standard_deviation == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    difference = found.differences["joint"]["is_click"]["auc"]
    assert difference.difference == pytest.approx(summary.mean - found.metrics["no_graph"]["is_click"]["auc"].mean)


def test_scenarios_are_compared_on_their_own_rows(arms):
    found = compare_arms(arms, baseline="no_graph", replicates=20)
    feed = found.by_scenario["joint"]["feed"]["is_click"]
    runs = [json.loads((run / "metrics.json").read_text())["scenarios"]["feed"] for run in arms["joint"]]
    assert feed.treatment == pytest.approx(sum(run["is_click"]["auc"] for run in runs) / 2)
    assert set(found.by_scenario["joint"]) == {"feed", "discover", "live_feed"}


def test_the_report_and_the_json_say_the_same(arms, tmp_path):
    found = compare_arms(arms, baseline="no_graph", replicates=20)
    text = write_comparison_report(found, tmp_path / "comparison.html").read_text(encoding="utf-8")
    again = write_comparison_report(found, tmp_path / "again.html").read_text(encoding="utf-8")
    assert text == again
    values = json.loads(json.dumps(found.to_json()))
    difference = values["differences"]["joint"]["is_click"]["auc"]["difference"]
    assert f"<span class='better'>{difference:+.4f}</span>" in text
    for title in ("AUC: difference from no_graph", "MAE: difference from no_graph", "Scenarios", "Loss: is_click"):
        assert title in text
    assert not [part for part in text.split("<script>")[0].split('"') if part.startswith("http")]


def test_errors_are_shown_in_the_unit_of_their_label(arms, tmp_path):
    found = compare_arms(arms, baseline="no_graph", replicates=20)
    assert abs(found.differences["joint"]["watch_time"]["mae"].difference) > 100
    assert "watch_time (s)" in write_comparison_report(found, tmp_path / "comparison.html").read_text(encoding="utf-8")


def test_runs_on_other_rows_are_refused(make_run):
    runs = {"no_graph": [make_run("first")], "joint": [make_run("second", rows=4_400)]}
    with pytest.raises(InputDataError, match="4000 and 4400 rows"):
        compare_arms(runs, baseline="no_graph", replicates=20)


def test_an_arm_without_runs_is_refused(make_run):
    with pytest.raises(InputDataError, match="no run of arm 'joint'"):
        compare_arms({"no_graph": [make_run("only")], "joint": []}, baseline="no_graph")
    with pytest.raises(InputDataError, match="no run of arm 'no_graph'"):
        compare_arms({"joint": [make_run("other")]}, baseline="no_graph")
