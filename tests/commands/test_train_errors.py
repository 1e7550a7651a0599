"""What is wrong with a command line or a configuration is said at once, without a traceback and without TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfgrec.commands import compare, evaluate, export, train
from tfgrec.config import load_run_config
from tfgrec.run.claim import claimed
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.stage_log import StageFailed
from tfgrec.stages.data_stages import DataStages

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "data").mkdir()
    return ["--config", str(CONFIG), "--data", str(tmp_path / "data"), "--run-dir", str(tmp_path / "run")]


def error_of(capsys: pytest.CaptureFixture) -> str:
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    return captured.err


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("training.epoch=2", "unknown key 'training.epoch': did you mean 'epochs'?"),
        ("training.epochs=zero", "key 'training.epochs'"),
        ("model.tasks.is_click.label=is_clik", "no label 'is_clik': did you mean 'is_click'?"),
        ("evaluation.scenario=tab", "evaluation.scenario: tables.yaml has no request feature 'tab'"),
        ("sampling.hops.0.view=3", "sampling.hops.0: tables.yaml has no edge set 'view': did you mean 'viewed'?"),
        ("model.features.vide={}", "model.features.vide: tables.yaml has no node set 'vide': did you mean 'video'?"),
        ("schema_dir=nowhere", "nowhere/tables.yaml: can't be read"),
    ],
)
def test_configuration_errors_name_the_key(
    arguments: list[str], capsys: pytest.CaptureFixture, override: str, complaint: str
) -> None:
    assert train.main([*arguments, "--set", override]) == 2
    assert complaint in error_of(capsys)
    assert compare.main([*arguments, "--set", override]) == 2
    assert complaint in error_of(capsys)


def test_a_missing_table_is_named_before_any_work(
    arguments: list[str], capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    assert train.main(arguments) == 2
    assert f"table 'users': no file is {tmp_path}/data/users.csv" in error_of(capsys)
    assert not (tmp_path / "run").exists()


def test_a_missing_data_folder_is_named(arguments: list[str], capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "data").rmdir()
    assert train.main(arguments) == 2
    assert f"--data {tmp_path}/data: is no folder" in error_of(capsys)


def test_a_missing_configuration_file_is_named(
    arguments: list[str], capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    arguments[1] = str(tmp_path / "none.yaml")
    assert train.main(arguments) == 2
    assert "none.yaml: can't be read: No such file" in error_of(capsys)


@pytest.mark.parametrize("command", [evaluate.main, export.main])
def test_a_folder_that_is_no_run_is_named(command, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert command(["--run-dir", str(tmp_path)]) == 2
    assert f"{tmp_path}: is no run directory" in error_of(capsys)


def test_days_need_data(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert evaluate.main(["--run-dir", str(tmp_path), "--days", "5", "6"]) == 2
    assert "--days: goes with --data" in error_of(capsys)


def test_a_baseline_has_to_be_among_the_arms(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    assert compare.main([*arguments, "--arms", "joint", "no_graph", "--baseline", "two_stage"]) == 2
    assert "--baseline two_stage: is not among --arms and --variants: known: joint, no_graph" in error_of(capsys)


def test_a_stage_that_failed_hands_its_exit_code_on(
    arguments: list[str], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for exit_code, said in ((2, ""), (137, "error: beam_jobs.audit ended with exit code 137\n")):

        def fail(*_: object, code: int = exit_code, **__: object) -> None:
            raise StageFailed("beam_jobs.audit", code)

        monkeypatch.setattr(train, "read_config", fail)
        assert train.main(arguments) == exit_code
        assert capsys.readouterr().err == said


def test_an_interruption_says_how_to_go_on(
    arguments: list[str], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "read_config", interrupt)
    assert train.main(arguments) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_commands_answer_without_importing_tensorflow() -> None:
    code = (
        "import sys; from tfgrec.commands import train, evaluate, export, compare;"
        "print([name for name in ('tensorflow', 'apache_beam', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of something else."""
    (tmp_path / "other" / "schema").mkdir(parents=True)
    (tmp_path / "other" / "schema" / "important.sql").write_text("x")
    (tmp_path / "other" / "config.yaml").write_text("port: 8080\n")
    return tmp_path / "other"


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", [train.main, compare.main])
def test_a_folder_of_something_else_is_no_run_directory(
    command, arguments: list[str], foreign: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataStages, "check", lambda self: None)
    before = contents(foreign)
    arguments[arguments.index("--run-dir") + 1] = str(foreign)
    assert command(arguments) == 2
    assert f"--run-dir {foreign}: holds files of something else ('config.yaml')" in error_of(capsys)
    assert contents(foreign) == before


def test_an_evaluation_is_not_written_into_something_else(
    foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = RunDirectory.at(tmp_path / "run")
    run.write_config(load_run_config(CONFIG))
    for data in ([], ["--data", str(tmp_path)]):
        before = contents(foreign)
        assert evaluate.main(["--run-dir", str(run.root), "--output", str(foreign), *data]) == 2
        assert f"--output {foreign}: holds files of something else" in error_of(capsys)
        assert contents(foreign) == before
    with claimed(tmp_path / "another", "run"):
        pass
    assert evaluate.main(["--run-dir", str(run.root), "--output", str(tmp_path / "another")]) == 2
    assert "another: is a run directory, not the output of tfgrec-evaluate" in error_of(capsys)


@pytest.mark.parametrize("command", [train.main, compare.main])
def test_a_run_directory_at_work_is_left_alone(
    command, arguments: list[str], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataStages, "check", lambda self: None)
    run_dir = Path(arguments[arguments.index("--run-dir") + 1])
    with claimed(run_dir, "run"):
        before = contents(run_dir)
        assert command(arguments) == 2
        assert f"--run-dir {run_dir}: another run is at work there, process {os.getpid()}" in error_of(capsys)
        assert contents(run_dir) == before
