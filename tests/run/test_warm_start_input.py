"""What a training starts from is one of its inputs: known by its content, and kept when it is gone."""

import json
from pathlib import Path

import pytest
import yaml
from small_records import CONFIG

from tfgrec.commands.train import main
from tfgrec.config import RunConfig, load_run_config
from tfgrec.errors import ConfigurationError
from tfgrec.run.earlier_runs import warm_start_input
from tfgrec.run.run_directory import RunDirectory


def config_of(folder: Path, start: Path | None) -> RunConfig:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    return load_run_config(path, [] if start is None else [f"training.warm_start_from={start}"])


def finished(folder: Path, seconds: float = 1.0) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "training.json").write_text(json.dumps({"arm": "joint", "seconds": seconds}))
    return folder


def test_a_training_from_nothing_has_no_start(tmp_path: Path) -> None:
    assert warm_start_input(config_of(tmp_path, None), RunDirectory.at(tmp_path / "run")) == {}


def test_a_start_is_known_by_its_content(tmp_path: Path) -> None:
    run, first = RunDirectory.at(tmp_path / "run"), finished(tmp_path / "first")
    start = warm_start_input(config_of(tmp_path, first), run)
    assert warm_start_input(config_of(tmp_path, finished(tmp_path / "copy")), run) == start
    assert warm_start_input(config_of(tmp_path, finished(first, seconds=2.0)), run) != start


def test_a_training_that_has_begun_keeps_its_start(tmp_path: Path) -> None:
    run, first = RunDirectory.at(tmp_path / "run"), finished(tmp_path / "first")
    config = config_of(tmp_path, first)
    start = warm_start_input(config, run)
    run.checkpoints.mkdir(parents=True)
    run.made_from.write_text(json.dumps({"arm": "joint", **start}))
    (first / "training.json").unlink()
    assert warm_start_input(config, run) == start


def test_a_start_that_is_not_there_is_named(tmp_path: Path) -> None:
    run = RunDirectory.at(tmp_path / "run")
    config = config_of(tmp_path, tmp_path / "first")
    with pytest.raises(ConfigurationError, match=r"training.warm_start_from: .*first/training.json is not there"):
        warm_start_input(config, run)
    run.checkpoints.mkdir(parents=True)
    run.made_from.write_text(json.dumps({"arm": "joint"}))
    with pytest.raises(ConfigurationError, match="expected the folder of a finished run"):
        warm_start_input(config, run)


def test_it_is_missed_before_any_stage_has_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["--config", "configs/demo.yaml", "--data", str(tmp_path), "--run-dir", str(tmp_path / "run")]
    assert main([*arguments, "--set", f"training.warm_start_from={tmp_path}/first"]) == 2
    assert "first/training.json is not there" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
