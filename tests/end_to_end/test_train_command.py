"""tfgrec-train and its companions on a tiny simulated world, each as a user would run it: a process of its own."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfgrec.metrics import metric_names

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "demo.yaml"
SMALL = [
    "split.train=[1, 3]",
    "split.validation=[4, 4]",
    "split.test=[5, 5]",
    "build.shards=2",
    "sampling.output_shards=2",
    "sampling.hops=[{viewed: 4, visited: 2, viewed_by: 3, visited_by: 3, made_by: 1, hosted_by: 1}, {viewed: 1}]",
    "model.encoder={rounds: 1, units: 16, message_units: 16}",
    "model.towers={bottom_units: [16], task_units: [8], cross_layers: 1}",
    "model.balancing={initial_loss_steps: 2, learning_rate: 0.1}",
    "training.epochs=1",
    "training.pretraining_epochs=1",
    "training.batch_size=32",
    "training.checkpoint_every_steps=2",
    "training.log_every_steps=1",
    "training.diagnostics_every_steps=5",
    "evaluation.min_scenario_rows=50",
]
# Diagnostics take a function of their own to trace: where they are not looked at, they are left out.
UNDIAGNOSED = "training.diagnostics_every_steps=1000"
STAGES = ("graph", "examples", "audit", "training", "evaluation", "export", "report")
TASKS = {"is_click", "long_view", "is_like", "watch_time"}
SERVE = """
import json, sys
import tensorflow as tf
records = list(tf.data.TFRecordDataset(sys.argv[2:]).as_numpy_iterator())
scores = tf.saved_model.load(sys.argv[1]).signatures["serving_default"](examples=tf.constant(records))
strangers = [name for name in ("tfgrec", "tensorflow_gnn", "tf_keras") if name in sys.modules]
print(json.dumps({"is_click": scores["is_click"].numpy().tolist(), "strangers": strangers}))
"""


def command(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"tfgrec.commands.{name}", *map(str, arguments)]


def run(name: str, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def train(data: Path, run_dir: Path, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess:
    options = ["--config", CONFIG, "--data", data, "--run-dir", run_dir, "--set", *SMALL]
    return run("train", *options, *arguments, expect=expect)


def history(run_dir: Path) -> list[dict]:
    path = run_dir / "logs" / "history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a checkout after the commands of `make demo`, on a world and with a model that are small."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("configs", "schemas"):
        (folder / name).symlink_to(ROOT / name)
    world = "--users 120 --videos 80 --live-rooms 30 --authors 20 --days 6 --impressions 3000"
    smaller = {"tfgrec-simulate": world, "tfgrec-train": shlex.join(["--set", *SMALL]), "tfgrec-serve": ""}
    for line in recipe("demo"):
        options = next((options for name, options in smaller.items() if f"/{name} " in line), None)
        if options is not None:
            done = subprocess.run(f"{line} {options}", shell=True, cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            smaller = {name: others for name, others in smaller.items() if f"/{name} " not in line}
    assert not smaller
    return folder


def recipe(target: str) -> list[str]:
    """The commands that make would run for a target."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--dry-run", target, f"BIN={Path(sys.executable).parent}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def data(demo: Path) -> Path:
    return demo / "runs" / "demo_data"


@pytest.fixture(scope="module")
def trained(demo: Path) -> Path:
    return demo / "runs" / "demo"


@pytest.fixture
def sampled(trained: Path, tmp_path: Path) -> Path:
    """A run with graph and records, not yet trained."""
    for name in ("graph", "examples", "schema"):
        shutil.copytree(trained / name, tmp_path / "run" / name)
    for stage in STAGES[:3]:
        (tmp_path / "run" / "stages").mkdir(exist_ok=True)
        shutil.copy(trained / "stages" / f"{stage}.json", tmp_path / "run" / "stages")
    return tmp_path / "run"


@pytest.mark.slow
def test_a_run_holds_everything(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["validation"].keys() > TASKS
    assert metrics["validation"]["is_click"].keys() == set(metric_names("binary"))
    assert metrics["validation"]["watch_time"].keys() == set(metric_names("regression"))
    assert metrics["scenarios"] and all(of_scenario.keys() > TASKS for of_scenario in metrics["scenarios"].values())
    manifest = json.loads((trained / "examples" / "manifest.json").read_text())
    predictions = pd.read_parquet(trained / "predictions.parquet")
    assert len(predictions) == manifest["splits"]["validation"]["num_candidates"] == metrics["validation"]["rows"]
    assert metrics["test"].keys() == {*metrics["validation"], "scenarios", "cold_start"}
    assert len(pd.read_parquet(trained / "test_predictions.parquet")) == metrics["test"]["rows"] > 0
    audit = json.loads((trained / "examples" / "audit.json").read_text())
    assert audit["passed"] and audit["records"] == sum(of["num_requests"] for of in manifest["splits"].values())
    assert "<html" in (trained / "report.html").read_text()
    lines = history(trained)
    assert lines[-1]["step"] == metrics["training"]["steps"] == -(-manifest["splits"]["train"]["num_requests"] // 32)
    assert any("coupling/cosine" in line for line in lines)
    assert list((trained / "logs").glob("events.out.tfevents.*"))


@pytest.mark.slow
def test_the_export_scores_like_the_run_with_tensorflow_alone(trained: Path, tmp_path: Path) -> None:
    files = sorted((trained / "examples" / "validation").iterdir())
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    arguments = [sys.executable, "-c", SERVE, trained / "export" / "1", *files]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    served = json.loads(done.stdout.splitlines()[-1])
    assert served["strangers"] == []
    predictions = pd.read_parquet(trained / "predictions.parquet")
    np.testing.assert_allclose(served["is_click"], predictions["prediction/is_click"], atol=1e-5)


@pytest.mark.slow
def test_the_same_command_again_has_nothing_to_do(data: Path, trained: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    with zeros_in_place_of_shards(trained):
        started = time.monotonic()
        done = train(data, trained)
        assert time.monotonic() - started < 30
    for stage in STAGES:
        assert f"{stage}: skipped" in done.stdout
    after = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    # The lock has the number of the process that held it last.
    told_anew = {trained / "config.yaml", trained / "run.lock"}
    assert {path for path in after if after[path] != before.get(path)} <= told_anew


@contextlib.contextmanager
def zeros_in_place_of_shards(run_dir: Path) -> Iterator[None]:
    """Files of graph and records that nobody can read anything from, of the same length and time."""
    shards = [path for path in run_dir.rglob("*") if path.suffix in (".arrow", ".tfrecord")]
    assert len(shards) > 20
    kept = [(path, path.read_bytes(), path.stat().st_mtime_ns) for path in shards]
    for path, content, written in kept:
        path.write_bytes(bytes(len(content)))
        os.utime(path, ns=(written, written))
    try:
        yield
    finally:
        for path, content, written in kept:
            path.write_bytes(content)
            os.utime(path, ns=(written, written))


@pytest.mark.slow
def test_a_killed_training_goes_on(data: Path, sampled: Path) -> None:
    options = ["--config", CONFIG, "--data", data, "--run-dir", sampled, "--set", *SMALL, UNDIAGNOSED]
    options.append("training.epochs=3")
    with (sampled.parent / "log").open("w") as log:
        process = subprocess.Popen(command("train", *options), stdout=log, stderr=log, cwd=ROOT)
        deadline = time.monotonic() + 300
        while len(history(sampled)) < 13 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = history(sampled)
    assert process.returncode == -signal.SIGKILL and not (sampled / "training.json").exists()

    done = run("train", *options)
    resumed_after = int(re.search(r"training: goes on after step (\d+)", done.stdout)[1])
    assert killed[-1]["step"] - 4 <= resumed_after <= killed[-1]["step"]
    lines = history(sampled)
    manifest = json.loads((sampled / "examples" / "manifest.json").read_text())
    steps = 3 * -(-manifest["splits"]["train"]["num_requests"] // 32)
    assert [line["step"] for line in lines] == list(range(1, steps + 1))
    assert json.loads((sampled / "training.json").read_text())["steps"] == steps

    names = [name for name in lines[0] if name.startswith("weight/")]
    started, before, after = (
        np.array([line[name] for name in names]) for line in (lines[0], killed[resumed_after], lines[resumed_after])
    )
    # Weights are logged as the step found them: the step after the checkpoint found the checkpoint's.
    np.testing.assert_allclose(after, before, rtol=1e-5)
    assert np.abs(before - started).max() > 0.05


@pytest.mark.slow
def test_arms_are_compared_on_the_same_records(data: Path, sampled: Path) -> None:
    options = ["--config", CONFIG, "--data", data, "--run-dir", sampled, "--set", *SMALL, UNDIAGNOSED]
    done = run("compare", *options, "--arms", "two_stage", "joint", "no_graph")
    assert "graph: skipped" in done.stdout and "examples: skipped" in done.stdout
    summary = json.loads((sampled / "comparison.json").read_text())
    assert summary["baseline"] == "two_stage"
    assert summary["differences"].keys() == {"joint", "no_graph"}
    found = summary["differences"]["joint"]["is_click"]["auc"]
    assert found["low"] <= found["difference"] <= found["high"]
    assert "<html" in (sampled / "comparison.html").read_text()
    phases = {
        arm: {line["phase"] for line in history(sampled / "arms" / arm / "seed-17")}
        for arm in ("joint", "two_stage", "no_graph")
    }
    assert phases == {"joint": {"ranking"}, "two_stage": {"pretraining", "ranking"}, "no_graph": {"ranking"}}
    for arm, training in summary["training"].items():
        assert training[0]["arm"] == arm and training[0]["seconds"] > 0

    exported = run("export", "--run-dir", sampled / "arms" / "no_graph" / "seed-17")
    assert exported.stdout.strip().endswith("export/2")


@pytest.mark.slow
def test_a_variant_that_samples_otherwise_has_records_of_its_own(data: Path, sampled: Path) -> None:
    variants = sampled.parent / "variants.yaml"
    variants.write_text("fewer: [sampling.hops.0.viewed=2]")
    options = ["--config", CONFIG, "--data", data, "--run-dir", sampled, "--set", *SMALL, UNDIAGNOSED]
    options += ["--arms", "no_graph", "--variants", variants]
    done = run("compare", *options)
    assert "graph: skipped" in done.stdout and "records of fewer: examples: done" in done.stdout
    summary = json.loads((sampled / "comparison.json").read_text())
    assert summary["variants"] == {"fewer": {"arm": "no_graph", "set": ["sampling.hops.0.viewed=2"]}}
    assert 0 < summary["costs"]["fewer"]["records_bytes"] < summary["costs"]["no_graph"]["records_bytes"]
    # What samples less is the same requests, and no_graph reads no neighbours. In a pipe, each number is whole.
    found = summary["differences"]["fewer"]["is_click"]["auc"]
    assert found["difference"] == pytest.approx(0, abs=1e-3)
    assert f"fewer is_click auc: no_graph {found['baseline']:.4f}, arm's {found['treatment']:.4f}," in done.stdout

    again = run("compare", *options, "--baseline", "fewer")
    assert "started" not in again.stdout and "done" not in again.stdout
    assert "records of fewer: examples: skipped" in again.stdout and "fewer, seed 17: training: skipped" in again.stdout
    turned = json.loads((sampled / "comparison.json").read_text())["differences"]["no_graph"]["is_click"]["auc"]
    assert turned["treatment"] == found["baseline"]


@pytest.mark.slow
def test_a_run_is_scored_on_later_days(data: Path, trained: Path, tmp_path: Path) -> None:
    done = run("evaluate", "--run-dir", trained, "--data", data, "--days", 5, 5, "--output", tmp_path / "later")
    assert "is_click" in done.stdout
    metrics = json.loads((tmp_path / "later" / "metrics.json").read_text())
    manifest = json.loads((tmp_path / "later" / "examples" / "manifest.json").read_text())
    assert metrics["validation"]["rows"] == manifest["splits"]["validation"]["num_candidates"] > 0
    assert manifest["splits"]["train"]["num_requests"] == 0

    # The same day as the run's own test split, from its records: nothing is built.
    done = run("evaluate", "--run-dir", trained, "--part", "test", "--output", tmp_path / "again")
    assert {path.name for path in (tmp_path / "again").iterdir()} <= {
        "metrics.json",
        "predictions.parquet",
        "run.lock",
        "tfgrec.json",
    }
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    first = json.loads((trained / "metrics.json").read_text())
    assert again["test"]["is_click"]["auc"] == pytest.approx(first["test"]["is_click"]["auc"], abs=1e-6)
    assert again["test"]["is_click"]["auc"] == pytest.approx(metrics["validation"]["is_click"]["auc"], abs=1e-4)


@pytest.mark.slow
def test_errors_in_the_data_are_told_without_a_traceback(data: Path, tmp_path: Path) -> None:
    for name, change, complaint in (
        ("column", lambda table: table.drop(columns="is_click"), "is_click"),
        ("empty", lambda table: table.head(0), "video_views"),
    ):
        broken = Path(shutil.copytree(data, tmp_path / name))
        views = pd.read_parquet(broken / "video_views.parquet")
        change(views).to_parquet(broken / "video_views.parquet", index=False)
        done = train(broken, tmp_path / f"run-{name}", expect=2)
        assert "error:" in done.stderr and complaint in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / f"run-{name}" / "graph").exists()
