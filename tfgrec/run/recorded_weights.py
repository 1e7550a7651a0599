"""Weights of losses that a GradNorm training has recorded, for a training that keeps them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfgrec.config import RunConfig
from tfgrec.errors import ConfigurationError
from tfgrec.files import read_json
from tfgrec.run.run_directory import RunDirectory

RECORDED = "mean_loss_weights"
"""The key in training.json."""


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
    weights = read_json(path).get(RECORDED)
    if not weights:
        raise ConfigurationError(f"model.balancing.weights_from: {path} has no {RECORDED}: not trained with gradnorm")
    balancing = balancing.model_copy(update={"weights": weights})
    return config.model_copy(update={"model": config.model.model_copy(update={"balancing": balancing})})


def recorded_weights_of(
    losses: Sequence[str], recorded: Mapping[str, float], *, source: str | None
) -> dict[str, float]:
    """The recorded weights of a model's losses, in their order. An arm may train fewer losses than were recorded.

    Raises:
      ConfigurationError: a loss was not recorded.
    """
    missing = sorted(set(losses) - set(recorded))
    if missing:
        raise ConfigurationError(
            f"model.balancing.weights_from: {source} was trained with the losses {', '.join(recorded)}; "
            f"this model also has {', '.join(missing)}"
        )
    return {name: recorded[name] for name in losses}
