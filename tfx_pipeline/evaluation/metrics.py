"""tfgrec's metrics as metrics of TFMA: computed by the same functions, from all rows of a slice."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma

from tfx_pipeline.evaluation.extractors import USER
from tfx_pipeline.evaluation.labelled_rows import Metrics, collected_rows, rows_key


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


def _count_computations(
    name: str, layout: dict[str, Any], model_names: list[str]
) -> list[tfma.metrics.MetricComputation]:
    keys = [tfma.metrics.MetricKey(name, model_name=model) for model in model_names]
    rows = tfma.metrics.FeaturePreprocessor(feature_keys=[USER])
    return [tfma.metrics.MetricComputation(keys=keys, preprocessors=[rows], combiner=_Count(keys))]


def _task_computations(
    name: str, model_names: list[str], output_names: list[str]
) -> list[tfma.metrics.MetricComputation | tfma.metrics.DerivedMetricComputation]:
    """For each task the collection of its rows, and what is computed from them."""
    computations = []
    for task in output_names:
        computations.append(collected_rows(task, model_names))
        for model in model_names:
            key = tfma.metrics.MetricKey(name, model_name=model, output_name=task)
            measure: Callable[[Metrics], Metrics] = partial(_measure, key, rows_key(task))
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
