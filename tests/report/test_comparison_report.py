"""Arms compared: what differs, how sure that is, and what is refused."""

import json

import pytest

from tfgrec.commands import compare
from tfgrec.errors import InputDataError
from tfgrec.metrics import user_bootstrap
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


def test_intervals_are_over_users_and_seeds(arms, make_run, tmp_path):
    found = compare_arms(arms, baseline="no_graph", replicates=100)
    sides = [[run.predictions for run in found.runs[arm]] for arm in ("no_graph", "joint")]
    expected = user_bootstrap(*sides, task="is_click", metric="auc", replicates=100)
    assert found.differences["joint"]["is_click"]["auc"] == expected
    one = compare_arms({arm: runs[:1] for arm, runs in arms.items()}, baseline="no_graph", replicates=100)
    widths = [by["joint"]["is_click"]["auc"] for by in (one.differences, found.differences)]
    assert widths[0].high - widths[0].low < widths[1].high - widths[1].low
    texts = [
        write_comparison_report(comparison, tmp_path / "page.html").read_text(encoding="utf-8")
        for comparison in (one, found)
    ]
    assert "not another training seed" in texts[0] and "not another training seed" not in texts[1]
    assert "as far as 2 seeds can tell" in texts[1]


def test_variants_say_what_they_set(arms, make_run, tmp_path):
    arms["slow <b>"] = [make_run(f"slow_{seed}", seed=seed) for seed in (7, 8)]
    found = compare_arms(arms, baseline="joint", changes={"slow <b>": ("training.epochs=9", "x=<i>")}, replicates=20)
    assert set(found.differences) == {"no_graph", "two_stage", "slow <b>"}
    values = json.loads(json.dumps(found.to_json()))
    assert values["variants"] == {"slow <b>": {"arm": "joint", "set": ["training.epochs=9", "x=<i>"]}}
    assert values["metrics"]["slow <b>"]["is_click"]["auc"]["mean"] > 0.5
    assert values["differences"]["slow <b>"]["is_click"]["auc"].keys() >= {"difference", "low", "high"}
    text = write_comparison_report(found, tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "<code>x=&lt;i&gt;</code>" in text and "slow &lt;b&gt;" in text
    assert "<b>" not in text.split("<main>")[1].split("<script")[0]


def test_costs_are_means_over_seeds_with_the_bytes_of_records(arms, tmp_path):
    for number, run in enumerate(arms["two_stage"]):
        values = {"steps": 100, "seconds": 10.0 + 20 * number, "steps_per_second": 4.0, "requests_per_second": None}
        (run / "training.json").write_text(json.dumps({**values, "arm": "two_stage", "embedding_seconds": 3.5}))
    root = arms["joint"][0]
    (root / "examples").mkdir()
    shards = [{"bytes": 1_000_000}, {"bytes": 500_000}]
    manifest = {"splits": {"train": {"shards": shards}, "validation": {"shards": [{"bytes": 7}]}}}
    (root / "examples" / "manifest.json").write_text(json.dumps(manifest))
    found = compare_arms(arms, baseline="no_graph", replicates=20)
    cost = found.costs["two_stage"]
    assert (cost.seconds, cost.steps, cost.steps_per_second, cost.requests_per_second) == (20.0, 100, 4.0, None)
    assert cost.further == {"embedding_seconds": 3.5} and cost.records_bytes is None
    assert found.costs["joint"].records_bytes == 1_500_007
    values = found.to_json()
    assert values["costs"]["joint"]["records_bytes"] == 1_500_007
    assert [run["seconds"] for run in values["training"]["two_stage"]] == [10.0, 30.0]
    text = write_comparison_report(found, tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "embedding seconds" in text and "<td>1.5</td>" in text


def test_a_variant_that_learns_fewer_tasks_is_compared_by_those(arms, make_run, tmp_path):
    fewer = make_run("fewer", seed=9, model={"tasks": {"is_click": {"label": "is_click"}}})
    found = compare_arms({"joint": arms["joint"][:1], "fewer": [fewer]}, baseline="joint", replicates=20)
    assert set(found.differences["fewer"]) == set(found.metrics["fewer"]) == {"is_click"}
    assert set(found.metrics["joint"]) == {"is_click", "is_like", "watch_time"}
    assert all(set(by_task) == {"is_click"} for by_task in found.by_scenario["fewer"].values())
    write_comparison_report(found, tmp_path / "comparison.html")


def test_finished_runs_are_compared_where_they_are(make_run, tmp_path, capsys):
    # In the order of their seeds, whatever that of the command line.
    def run(name: str, quality: float, seed: int) -> str:
        return str(make_run(f"{name}_{seed}", rows=600, quality=quality, seed=seed, training={"seed": seed}))

    runs = {name: [run(name, quality, seed) for seed in (2, 1)] for name, quality in (("weak", 0.5), ("strong", 3.0))}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    finished = [word for name, folders in runs.items() for word in ("--finished", name, *folders)]
    assert compare.main([*finished, "--run-dir", str(tmp_path / "compared")]) == 0
    assert {path: path.read_bytes() for path in before} == before
    found = json.loads((tmp_path / "compared" / "comparison.json").read_text())
    assert found["runs"] == {name: folders[::-1] for name, folders in runs.items()}
    assert (found["baseline"], found["part"]) == ("weak", "validation")
    assert found["differences"]["strong"]["is_click"]["auc"]["low"] > 0
    assert "strong is_click auc: weak" in capsys.readouterr().out

    assert compare.main([*finished, "--run-dir", str(tmp_path / "on_test"), "--part", "test"]) == 2
    assert "was not measured on part 'test'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--finished", "a", "runs/a"], "two names at least"),
        (["--finished", "a", "x", "--finished", "b", "y"], "x/metrics.json is not there"),
        (["--finished", "a", "x", "--finished", "b", "y", "--baseline", "c"], "--baseline c: is not among --finished"),
        (["--finished", "a", "x", "--finished", "a", "y"], "each name once"),
        (["--finished", "a"], "expected a name and the folders of its runs"),
        (["--finished", "a", "x", "--seeds", "1"], "--seeds: are of runs to train"),
        (["--config", "x"], "the following arguments are required: --data (or --finished)"),
    ],
)
def test_what_can_not_be_compared(arguments, complaint, tmp_path, capsys):
    try:
        code = compare.main([*arguments, "--run-dir", str(tmp_path / "compared")])
    except SystemExit as ended:
        code = ended.code
    assert code == 2 and complaint in capsys.readouterr().err
    assert not (tmp_path / "compared").exists()
