"""A whole run whose tables, data and files are on an object store, killed on one machine and finished on another."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from finished_run import timeless
from s3_contents import contents, send_folder
from s3_server import S3Server
from tiny_world import write_tiny_world

from tfgrec.api.loaded_run import load_run
from tfgrec.commands import evaluate, export, serve, train
from tfgrec.config import load_run_config
from tfgrec.files import files_below
from tfgrec.generations import whole_folder
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.model_stages import ModelStages

OVERRIDES = ["arm=no_graph", "training.early_stopping=null", "training.epochs=1"]
STAGES = ("graph", "examples", "audit", "training", "evaluation", "export", "report")
_LONGEST_SECONDS = 120


def arguments(config: Path, data: str | Path, run: str | Path) -> list[str]:
    return ["--config", str(config), "--data", str(data), "--run-dir", str(run), "--set", *OVERRIDES]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    write_tiny_world(tmp_path / "world")
    return tmp_path / "world"


def train_and_kill(command: list[str], *, when: str) -> str:
    """Starts tfgrec-train and kills it, and all that it has started, once there is a file; returns what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tfgrec.commands.train", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    started = time.monotonic()
    while when not in files_below(os.path.dirname(when)) and process.poll() is None:
        assert time.monotonic() - started < _LONGEST_SECONDS, "no checkpoint was sent"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    return said


def records_of(folder: str) -> dict[str, bytes]:
    return {name: content for name, content in contents(whole_folder(folder)).items() if not name.endswith(".json")}


@pytest.mark.slow
def test_a_run_that_was_killed_ends_on_another_machine_as_one_on_a_disk_that_was_left_alone(
    world: Path,
    s3_server: S3Server,
    s3_folder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data, url, config = f"{s3_folder}/data", f"{s3_folder}/run", world / "config.yaml"
    send_folder(world / "data", data)
    monkeypatch.setenv("TFGREC_RUNS_DIR", str(tmp_path / "first"))
    said = train_and_kill(arguments(config, data, url), when=f"{url}/checkpoints/ckpt-3.index")
    locks = list(files_below(f"{url}/run.lock"))
    assert len(locks) == 1

    monkeypatch.setenv("TFGREC_RUNS_DIR", str(tmp_path / "second"))
    assert train.main(arguments(config, data, url)) == 2
    assert f"--run-dir {url}: another run is at work there, process" in capfd.readouterr().err
    monkeypatch.setattr("tfgrec.run.far_lock.STALE_SECONDS", -1.0)
    assert train.main(arguments(config, data, url)) == 0
    said += capfd.readouterr().out
    assert "training: goes on after step" in said and "examples: skipped" in said

    local = tmp_path / "local"
    with pytest.MonkeyPatch.context() as patch:
        for stage in ("_export", "_report"):
            patch.setattr(ModelStages, stage, lambda self: None)
        assert train.main(arguments(config, world / "data", local)) == 0
    far = RunDirectory.open(url)
    for name in ("graph", "examples"):
        assert records_of(f"{url}/{name}") == records_of(f"{local}/{name}")
    pd.testing.assert_frame_equal(
        pd.read_parquet(far.predictions), pd.read_parquet(local / "predictions.parquet"), check_exact=True
    )
    for name in ("metrics.json", "training.json"):
        assert timeless(json.loads((far.root / name).read_text())) == timeless(json.loads((local / name).read_text()))
    sent = contents(url)
    assert not [name for name in sent if "ckpt-" in name and name not in set(contents(far.root)) | {"run.lock"}]

    # A machine that has nothing finds all of it done.
    monkeypatch.setenv("TFGREC_RUNS_DIR", str(tmp_path / "third"))
    capfd.readouterr()
    assert train.main(arguments(config, data, url)) == 0
    assert capfd.readouterr().out.count("skipped, inputs and outputs are as they were") == len(STAGES)
    _check_commands(url, capfd)
    _check_no_secret(s3_server, url, tmp_path, said + "".join(capfd.readouterr()))


def _check_commands(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What reads a run takes its URL."""
    assert evaluate.main(["--run-dir", url]) == 0
    assert f"{url}/evaluations/validation/metrics.json" in capfd.readouterr().out
    metrics = json.loads(contents(url)["evaluations/validation/metrics.json"])
    assert metrics["validation"] == json.loads(contents(url)["metrics.json"])["validation"]
    assert export.main(["--run-dir", url]) == 0
    assert capfd.readouterr().out.strip() == f"{url}/export/2"
    assert "export/2/saved_model.pb" in contents(url) and "export/2/assets.extra/tfgrec.json" in contents(url)
    assert serve.main(["--run-dir", url, "--print-request"]) == 0
    run = load_run(url)
    [request] = run.requests()
    [scores] = run.rank([request])
    assert scores["click"].shape == (len(request.items),)
    served, asked = capfd.readouterr().out.splitlines()
    assert url in served and served.endswith("--log tiny.log") and '"user"' in asked
    config = yaml.safe_load(contents(url)["config.yaml"])
    assert config["schema_dir"] == "schema" and load_run_config(RunDirectory.open(url).config).name == "tiny"


def _check_no_secret(server: S3Server, url: str, folder: Path, said: str) -> None:
    """Credentials are the environment's alone."""
    secrets = [server.environment[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")]
    found = {**contents(url), **contents(folder), "said": said.encode()}
    assert [name for name, content in found.items() if any(secret.encode() in content for secret in secrets)] == []
