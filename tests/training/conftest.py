"""A small run directory with graph and records, shared by the tests of training, evaluation and export."""

import shutil
from pathlib import Path

import pytest
import small_records

from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.run_model import RunModel


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be written to."""
    return small_records.write_small_run(tmp_path_factory.mktemp("small") / "run")


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> RunDirectory:
    """A copy of its own for a test."""
    return RunDirectory.at(shutil.copytree(small_run, tmp_path / "run"))


@pytest.fixture(scope="module")
def joint(small_run: Path) -> RunModel:
    """A joint model that was not trained; where predictions come from makes no difference to how they are served."""
    run = RunDirectory.at(small_run)
    return RunModel(run.read_config(), run)
