"""Whether labels can be learnt from, as the statistics of the training records tell: before hours of training."""

from collections.abc import Iterator, Mapping
from typing import Any

from tfgrec.config.model import ModelConfig, TaskConfig
from tfgrec.config.tables import Requests, as_column
from tfgrec.errors import InputDataError
from tfgrec.graph.schema import READOUT

# Of the mean of x (1 - x), beside rounding.
_ROUNDING = 1e-9


def check_labels(model: ModelConfig, requests: Requests, manifest: Mapping[str, Any]) -> list[str]:
    """Looks at the labels of the training split that tasks and retrieval learn.

    Args:
      model: names labels and sample weights.
      requests: names their columns.
      manifest: of the examples.

    Returns:
      What is worth telling and no error, a line each.

    Raises:
      InputDataError: a binary task has other labels than 0 and 1, or there is nothing to learn from; names task, column
        and the values found.
    """
    training = _Training(requests, manifest)
    problems, notes = [], []
    for name, task in model.tasks.items():
        problems += training.problems(f"model.tasks.{name}", task)
        notes += training.notes(name, task)
    if model.retrieval is not None:
        problems += training.nothing_above_zero(
            "model.retrieval.positive", model.retrieval.positive, "what is to be found has a label above 0"
        )
    if problems:
        raise InputDataError("\n".join(problems))
    return notes


class _Training:
    """The labels of the training split; those of unknown statistics are taken for good."""

    def __init__(self, requests: Requests, manifest: Mapping[str, Any]) -> None:
        self._columns = {name: as_column(column).column for name, column in requests.labels.items()}
        self._statistics = manifest["statistics"].get(READOUT, {})
        self._candidates = manifest["splits"]["train"]["num_candidates"]

    def problems(self, key: str, task: TaskConfig) -> Iterator[str]:
        found = self._numbers(task.label)
        if found is None:
            return
        where = f"{key}: {self._described(task.label)}"
        if not found["count"]:
            yield f"{where}: not one of {self._candidates:,} training candidates has a label"
        elif task.kind == "binary" and not _is_zero_or_one(found):
            yield (
                f"{where}: a binary task learns labels 0 and 1, found {_values(found)}; write 0 and 1 into the column, "
                "or make the task a regression (kind: regression)"
            )
        if task.sample_weight is not None:
            yield from self.nothing_above_zero(
                f"{key}.sample_weight", task.sample_weight, "a candidate counts by a weight above 0"
            )

    def nothing_above_zero(self, key: str, label: str, wanted: str) -> Iterator[str]:
        found = self._numbers(label)
        if found is not None and (not found["count"] or found["quantiles"][-1] <= 0):
            values = f"found {_values(found)}" if found["count"] else "none has a value"
            of = f"of {self._candidates:,} training candidates"
            yield f"{key}: {self._described(label)}: {wanted}, {of} {values}"

    def notes(self, name: str, task: TaskConfig) -> Iterator[str]:
        found = self._numbers(task.label)
        if found is None or not found["count"]:
            return
        smallest, largest = found["quantiles"][0], found["quantiles"][-1]
        if smallest == largest:
            yield f"labels: task {name}: all {found['count']:,} training labels are {smallest:g}: nothing to tell apart"
        if task.kind == "regression" and task.transform != "none" and smallest < 0:
            below = f"with transform {task.transform} what is below 0 counts as 0"
            yield f"labels: task {name}: found {_values(found)}; {below}"

    def _described(self, label: str) -> str:
        return f"label '{label}' (column '{self._columns[label]}')" if label in self._columns else f"'{label}'"

    def _numbers(self, label: str) -> Mapping[str, Any] | None:
        return (self._statistics.get(label) or {}).get("numeric")


def _is_zero_or_one(found: Mapping[str, Any]) -> bool:
    """Of values from 0 to 1 those alone have x (1 - x) = 0, and so has their mean."""
    mean, deviation = found["mean"], found["standard_deviation"]
    within = found["quantiles"][0] >= 0 and found["quantiles"][-1] <= 1
    return within and abs(mean - mean**2 - deviation**2) <= _ROUNDING


def _values(found: Mapping[str, Any]) -> str:
    """The values, exactly where there are one or two; else their range and mean."""
    first, last, mean = found["quantiles"][0], found["quantiles"][-1], found["mean"]
    if first == last:
        return f"{first:g} alone"
    # As for 0 and 1, with any two ends.
    spread = (mean - first) * (last - mean) - found["standard_deviation"] ** 2
    if abs(spread) <= _ROUNDING * (last - first) ** 2:
        return f"{first:g} and {last:g}"
    return f"{first:g} to {last:g} and others between, {mean:.4g} on average"
