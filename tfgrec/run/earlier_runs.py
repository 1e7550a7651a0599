"""What a run takes from an earlier one: its training's start (`training.warm_start_from`), and weights of losses."""

from pathlib import Path
from typing import Any

from tfgrec.config import RunConfig
from tfgrec.errors import ConfigurationError
from tfgrec.files import read_json
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.run_directory import RunDirectory

WARM_START = "warm_start"
"""The key in what a training records that it was made from."""
MEAN_LOSS_WEIGHTS = "mean_loss_weights"
"""The key in training.json for the weights that GradNorm gave the losses."""


def warm_start_input(config: RunConfig, run: RunDirectory) -> dict[str, Any]:
    """What a run's training starts from, as one of its inputs: `{"warm_start": fingerprint}`, or nothing.

    A training that has begun keeps its start, also where that is gone by now.

    Raises:
      ConfigurationError: there is no finished training to start from.
    """
    if config.training.warm_start_from is None:
        return {}
    finished = RunDirectory.at(config.training.warm_start_from).training
    if finished.exists():
        return {WARM_START: fingerprint_file(finished)}
    made_from = read_json(run.made_from) if run.made_from.exists() else {}
    if WARM_START not in made_from:
        raise ConfigurationError(
            f"training.warm_start_from: {finished} is not there: expected the folder of a finished run"
        )
    return {WARM_START: made_from[WARM_START]}


def check_warm_start(config: RunConfig, run: RunDirectory) -> None:
    """Looks whether a run's training can start where it is to.

    Raises:
      ConfigurationError: there is no finished training to start from.
    """
    warm_start_input(config, run)


def with_recorded_weights(config: RunConfig) -> RunConfig:
    """The configuration with `model.balancing.weights` read from the run that `weights_from` names, if it names one.

    Raises:
      ConfigurationError: there is no finished GradNorm training.
    """
    balancing = config.model.balancing
    if balancing.weights_from is None or balancing.weights is not None:
        return config
    path = RunDirectory.at(Path(balancing.weights_from)).training
    if not path.exists():
        raise ConfigurationError(f"model.balancing.weights_from: {path} is not there, train that run first")
    weights = read_json(path).get(MEAN_LOSS_WEIGHTS)
    if not weights:
        raise ConfigurationError(
            f"model.balancing.weights_from: {path} has no {MEAN_LOSS_WEIGHTS}: not trained with gradnorm"
        )
    balancing = balancing.model_copy(update={"weights": weights})
    return config.model_copy(update={"model": config.model.model_copy(update={"balancing": balancing})})
