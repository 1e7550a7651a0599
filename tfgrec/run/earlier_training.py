"""The training that another one starts from (`training.warm_start_from`), and what it is recognised by."""

from typing import Any

from tfgrec.config import RunConfig
from tfgrec.errors import ConfigurationError
from tfgrec.files import read_json
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.run_directory import RunDirectory

RECORDED = "warm_start"
"""The key in what a training records that it was made from."""


def start_of(config: RunConfig, run: RunDirectory) -> dict[str, Any]:
    """What a run's training starts from, as one of its inputs: `{"warm_start": fingerprint}`, or nothing.

    A training that has begun keeps its start, also where that is gone by now.

    Raises:
      ConfigurationError: there is no finished training to start from.
    """
    if config.training.warm_start_from is None:
        return {}
    finished = RunDirectory.at(config.training.warm_start_from).training
    if finished.exists():
        return {RECORDED: fingerprint_file(finished)}
    made_from = read_json(run.made_from) if run.made_from.exists() else {}
    if RECORDED not in made_from:
        raise ConfigurationError(
            f"training.warm_start_from: {finished} is not there: expected the folder of a finished run"
        )
    return {RECORDED: made_from[RECORDED]}
