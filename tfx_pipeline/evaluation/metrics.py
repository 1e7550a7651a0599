"""tfgrec's metrics as metrics of TFMA: computed by the same functions, from all rows of a slice.

AUC, GAUC and concordance are no sums over rows, so that a slice's rows have to meet in one place. A row takes 16 bytes
a task, 20 with a blessed model beside, in every slice that it is in, and for a moment more while its task's metrics are
computed one after the other: 110 for AUC, 170 for concordance. Tasks and slices are counted apart, on as many workers
as there are.
"""

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from tfgrec.metrics import task_metric
from tfx_pipeline.evaluation.extractors import USER

Metrics = dict[tfma.metrics.MetricKey, Any]


class CandidateCount(tfma.metrics.Metric):
    """The number of candidates in a slice, labelled or not.

    Args:
      name: of the metric.
      layout: a RowLayout's values; not read here, but carried to the extractors in the metric's configuration.
    """

    def __init__(self, name: str, layout: dict[str, Any]) -> None:
        super().__init__(_count_computations, name=name, layout=layout)


class TaskMetric(tfma.metrics.Metric):
    """A metric of `tfgrec.metrics`, or `rows`, the number of labelled rows; NaN where it is undefined.

    Args:
      name: of the metric.
    """

    def __init__(self, name: str) -> None:
        super().__init__(_task_computations, name=name)


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """The rows of a task whose label is known, of one slice: all `[num_rows]`; `predictions` by model."""

    labels: np.ndarray
    users: np.ndarray
    predictions: dict[str, np.ndarray]

    @classmethod
    def joined(cls, parts: list["LabelledRows"]) -> "LabelledRows":
        """One after the other."""
        return cls(
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.users for part in parts]),
            {name: np.concatenate([part.predictions[name] for part in parts]) for name in parts[0].predictions},
        )

    def measure(self, metric: str, model: str) -> float:
        """A metric of one model."""
        if metric == "rows":
            return float(len(self.labels))
        value = task_metric(
            metric, self.labels.astype(np.float64), self.predictions[model].astype(np.float64), self.users
        )
        return float("nan") if value is None else value


def _count_computations(
    name: str, layout: dict[str, Any], model_names: list[str]
) -> list[tfma.metrics.MetricComputation]:
    keys = [tfma.metrics.MetricKey(name, model_name=model) for model in model_names]
    rows = tfma.metrics.FeaturePreprocessor(feature_keys=[USER])
    return [tfma.metrics.MetricComputation(keys=keys, preprocessors=[rows], combiner=_Count(keys))]


def _task_computations(
    name: str, model_names: list[str], output_names: list[str]
) -> list[tfma.metrics.MetricComputation | tfma.metrics.DerivedMetricComputation]:
    """For each task the collection of its rows, which all its metrics share, and what is computed from them."""
    computations = []
    for task in output_names:
        rows = tfma.metrics.MetricKey("_labelled_rows", output_name=task)
        users = tfma.metrics.FeaturePreprocessor(feature_keys=[USER])
        collected = _CollectRows(rows, task, model_names)
        computations.append(tfma.metrics.MetricComputation(keys=[rows], preprocessors=[users], combiner=collected))
        for model in model_names:
            key = tfma.metrics.MetricKey(name, model_name=model, output_name=task)
            measure: Callable[[Metrics], Metrics] = partial(_measure, key, rows)
            computations.append(tfma.metrics.DerivedMetricComputation(keys=[key], result=measure))
    return computations


def _measure(key: tfma.metrics.MetricKey, rows: tfma.metrics.MetricKey, found: Metrics) -> Metrics:
    return {key: found[rows].measure(key.name, key.model_name)}


class _Count(beam.CombineFn):
    """Counts rows."""

    def __init__(self, keys: list[tfma.metrics.MetricKey]) -> None:
        self._keys = keys

    def create_accumulator(self) -> int:
        return 0

    def add_input(self, accumulator: int, element: tfma.metrics.StandardMetricInputs) -> int:
        return accumulator + len(element[tfma.FEATURES_KEY][USER])

    def merge_accumulators(self, accumulators: Iterable[int]) -> int:
        return sum(accumulators)

    def extract_output(self, accumulator: int) -> Metrics:
        return dict.fromkeys(self._keys, float(accumulator))


class _CollectRows(beam.CombineFn):
    """Collects the labelled rows of a task."""

    def __init__(self, key: tfma.metrics.MetricKey, task: str, models: list[str]) -> None:
        self._key = key
        self._task = task
        self._models = models

    def create_accumulator(self) -> list[LabelledRows]:
        nothing = np.zeros(0, np.float32)
        return [LabelledRows(nothing, np.zeros(0, np.uint64), dict.fromkeys(self._models, nothing))]

    def add_input(
        self, accumulator: list[LabelledRows], element: tfma.metrics.StandardMetricInputs
    ) -> list[LabelledRows]:
        labels = element[tfma.LABELS_KEY][self._task]
        known = ~np.isnan(labels)
        predictions = element[tfma.PREDICTIONS_KEY]
        rows = LabelledRows(
            labels[known],
            element[tfma.FEATURES_KEY][USER][known],
            {model: predictions[model][self._task][known] for model in self._models},
        )
        return [*accumulator, rows]

    def merge_accumulators(self, accumulators: Iterable[list[LabelledRows]]) -> list[LabelledRows]:
        return [part for accumulator in accumulators for part in accumulator]

    def compact(self, accumulator: list[LabelledRows]) -> list[LabelledRows]:
        return [LabelledRows.joined(accumulator)]

    def extract_output(self, accumulator: list[LabelledRows]) -> Metrics:
        return {self._key: LabelledRows.joined(accumulator)}
