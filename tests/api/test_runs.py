"""What is wrong with a call is said as the commands say it, before anything is written."""

from pathlib import Path

import pytest

import tfgrec
from tfgrec.errors import ConfigurationError, InputDataError

DEMO = tfgrec.example_config("demo")


def test_a_call_without_tables_is_refused(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    with pytest.raises(InputDataError, match="nowhere: is no folder"):
        tfgrec.train(DEMO, data=tmp_path / "nowhere", run_dir=run_dir)
    with pytest.raises(InputDataError, match="nowhere: is no folder"):
        tfgrec.sample(DEMO, data=tmp_path / "nowhere", run_dir=run_dir)
    with pytest.raises(ConfigurationError, match="data: is required, unless records_from names a run"):
        tfgrec.train(DEMO, run_dir=run_dir)
    with pytest.raises(ConfigurationError, match="is no run directory"):
        tfgrec.train(DEMO, records_from=tmp_path, run_dir=run_dir)
    assert not run_dir.exists()


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    options = {"data": tmp_path, "run_dir": tmp_path / "run", "overrides": ["training.epoch=2"]}
    for function in (tfgrec.train, tfgrec.sample, tfgrec.compare):
        with pytest.raises(ConfigurationError, match="unknown key 'training.epoch': did you mean 'epochs'"):
            function(DEMO, **options)
    with pytest.raises(ConfigurationError, match="multi_worker is for tfgrec-train, started on each machine"):
        tfgrec.train(DEMO, data=tmp_path, run_dir=tmp_path / "run", overrides=["training.distribution=multi_worker"])
    with pytest.raises(ConfigurationError, match="--baseline jont: is not among --arms and --variants"):
        tfgrec.compare(DEMO, data=tmp_path, run_dir=tmp_path / "run", arms=["joint", "no_graph"], baseline="jont")
    assert not (tmp_path / "run").exists()


def test_an_evaluation_needs_a_run_and_says_of_which_rows(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no run directory"):
        tfgrec.evaluate(tmp_path)
    with pytest.raises(ConfigurationError, match="--days: goes with --data"):
        tfgrec.evaluate(tmp_path, days=(5, 6))
    with pytest.raises(ConfigurationError, match="--part: is of the run's own requests"):
        tfgrec.evaluate(tmp_path, part="test", data=tmp_path)
