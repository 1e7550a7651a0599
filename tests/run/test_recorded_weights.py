"""Weights of losses from an earlier GradNorm training."""

import json
from pathlib import Path

import pytest
import yaml
from small_records import CONFIG

from tfgrec.config import RunConfig, load_run_config
from tfgrec.errors import ConfigurationError
from tfgrec.model.balancing.fixed_weights import recorded_weights_of
from tfgrec.run.earlier_runs import with_recorded_weights
from tfgrec.run.run_directory import RunDirectory

WEIGHTS = {"click": 1.5, "watch_time": 1.2, "auto_encoder": 0.3}


def config_of(tmp_path: Path, **balancing) -> RunConfig:
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump({**CONFIG, "model": {**CONFIG["model"], "balancing": balancing}})
    )
    return load_run_config(tmp_path / "config.yaml")


def test_weights_are_read_once_and_kept_in_the_runs_configuration(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "training.json").write_text(json.dumps({"arm": "joint", "mean_loss_weights": WEIGHTS}))
    config = with_recorded_weights(config_of(tmp_path, method="gradnorm_mean", weights_from=str(earlier)))
    assert config.model.balancing.weights == WEIGHTS
    run = RunDirectory.at(tmp_path / "run")
    run.write_config(config)
    (earlier / "training.json").unlink()
    assert with_recorded_weights(run.read_config()).model.balancing.weights == WEIGHTS


def test_other_methods_read_nothing(tmp_path: Path) -> None:
    config = config_of(tmp_path, method="gradnorm")
    assert with_recorded_weights(config) is config


@pytest.mark.parametrize(
    ("recorded", "message"),
    [(None, "training.json is not there, train that run first"), ({"arm": "joint"}, "not trained with gradnorm")],
)
def test_a_run_without_recorded_weights_is_named(tmp_path: Path, recorded: dict | None, message: str) -> None:
    if recorded is not None:
        (tmp_path / "training.json").write_text(json.dumps(recorded))
    config = config_of(tmp_path, method="gradnorm_mean", weights_from=str(tmp_path))
    with pytest.raises(ConfigurationError, match=message) as error:
        with_recorded_weights(config)
    assert f"model.balancing.weights_from: {tmp_path}" in str(error.value)


@pytest.mark.parametrize("balancing", [{"method": "gradnorm_mean"}, {"method": "fixed", "weights_from": "runs/a"}])
def test_the_run_directory_goes_with_the_method(tmp_path: Path, balancing: dict) -> None:
    with pytest.raises(ConfigurationError, match="weights_from: gradnorm_mean needs a run directory"):
        config_of(tmp_path, **balancing)


def test_an_arm_takes_the_weights_of_the_losses_it_has() -> None:
    assert list(recorded_weights_of(["watch_time", "click"], WEIGHTS, source="runs/a").items()) == [
        ("watch_time", 1.2),
        ("click", 1.5),
    ]
    with pytest.raises(ConfigurationError, match=r"runs/a was trained with .*auto_encoder; this model also has like"):
        recorded_weights_of(["click", "like"], WEIGHTS, source="runs/a")
