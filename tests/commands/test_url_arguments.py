"""What a run at a URL can't do is said at once, by the name of the option."""

from pathlib import Path

import pytest

from tfgrec.commands import check, evaluate, serve, train
from tfgrec.config import load_run_config
from tfgrec.run.claim import claimed
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import local_folder

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


@pytest.fixture
def url(s3_folder: str) -> str:
    """A run that has begun."""
    with claimed(local_folder(f"{s3_folder}/run"), "run"):
        RunDirectory.at(f"{s3_folder}/run").write_config(load_run_config(CONFIG))
    return f"{s3_folder}/run"


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_training_on_several_machines(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--config", str(CONFIG), "--data", f"{url}/data", "--run-dir", url]
    assert train.main([*asked, "--set", "training.distribution=multi_worker"]) == 2
    assert error_of(capsys).startswith(
        f"error: --run-dir {url}: training.distribution: multi_worker trains in a folder"
    )


def test_records_of_a_run_at_a_url(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--config", str(CONFIG), "--records-from", url, "--run-dir", str(tmp_path)]) == 2
    assert (
        error_of(capsys) == f"error: --records-from {url}: records are borrowed of runs on a disk alone, not at a URL\n"
    )


def test_tables_that_are_not_there(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--config", str(CONFIG), "--data", f"{url}/data", "--run-dir", f"{url}-2"]) == 2
    assert error_of(capsys) == f"error: --data {url}/data: is no folder\n"
    assert check.main(["--config", str(CONFIG), "--data", f"{url}/data"]) == 2
    assert f"--data {url}/data: is no folder" in capsys.readouterr().out


def test_serving_a_graph_at_a_url_needs_a_log(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--run-dir", url, "--port", "0"]) == 2
    assert error_of(capsys).startswith(f"error: --log: is needed: {url}/graph is at a URL")


def test_no_run_is_there(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--run-dir", f"{url}/other"]) == 2
    assert error_of(capsys) == f"error: {url}/other: is no run directory, it has no config.yaml\n"
    assert evaluate.main(["--run-dir", url, "--output", url]) == 2
    assert error_of(capsys) == f"error: --output {url}: is the run itself, name another folder\n"
