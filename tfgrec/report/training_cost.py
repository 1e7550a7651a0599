"""What the runs of one arm took."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgrec.report.run_results import RunResults

_OF_EVERY_RUN = ("steps", "seconds", "steps_per_second", "requests_per_second")


@dataclasses.dataclass(frozen=True)
class TrainingCost:
    """Means over training seeds; None where a run was too short to tell, or does not say.

    Attributes:
      steps: of the training.
      seconds: of the training, pre-training included.
      steps_per_second: once the step was compiled.
      requests_per_second: once the step was compiled.
      records_bytes: of all records, training and validation, that a run reads.
      further: other numbers that training.json has, such as seconds of pre-training.
    """

    steps: float | None
    seconds: float | None
    steps_per_second: float | None
    requests_per_second: float | None
    records_bytes: int | None
    further: dict[str, float]


def training_cost(runs: Sequence[RunResults]) -> TrainingCost:
    """The cost of one arm's runs, one a training seed."""
    trainings = [run.training for run in runs]
    further = [
        name
        for name, value in trainings[0].items()
        if _is_number(value) and name not in _OF_EVERY_RUN and all(_is_number(one.get(name)) for one in trainings)
    ]
    return TrainingCost(
        **{name: _mean([one.get(name) for one in trainings]) for name in _OF_EVERY_RUN},
        records_bytes=runs[0].records_bytes,
        further={name: float(np.mean([one[name] for one in trainings])) for name in further},
    )


def _mean(values: Sequence[float | None]) -> float | None:
    return None if any(value is None for value in values) else float(np.mean(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
