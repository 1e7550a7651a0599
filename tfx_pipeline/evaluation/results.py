"""What the Evaluator found, read off its artifact: metrics by slice for both models, and which thresholds hold."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig, MetricConfig

from tfgrec.config.pipeline import SliceConfig
from tfgrec.metrics import metric_names
from tfx_pipeline.evaluation.eval_config import BASELINE, CANDIDATE, CANDIDATES, ROWS, layout_of
from tfx_pipeline.evaluation.gain_interval import GainInterval, gain_end
from tfx_pipeline.evaluation.row_layout import MISSING, RowLayout, range_texts
from tfx_pipeline.evaluation.threshold_checks import Interval, Measured, ThresholdCheck, threshold_checks

# Task, model and name -> value.
_Values = dict[tuple[str, str, str], float]
# In place of a model, for what is measured between the two.
_BETWEEN = "between"


@dataclasses.dataclass(frozen=True)
class SliceResult:
    """The metrics of one slice.

    Attributes:
      name: of the slicing; "" for all rows.
      part: which slice it is: a value, or a range.
      candidates: rows in it.
      rows: task -> rows that have its label.
      metrics: task -> metric -> what was measured.
    """

    name: str
    part: str
    candidates: int
    rows: dict[str, int]
    metrics: dict[str, dict[str, Measured]]


@dataclasses.dataclass(frozen=True)
class EvaluationResult:
    """All that the Evaluator found.

    Attributes:
      layout: tasks and slicings.
      blessed: whether all thresholds hold, by TFMA's own word.
      everything: the metrics of all rows; None if there was no row.
      slices: by name of the slicing: ranges in their order, values by how many rows they have.
      checks: of all thresholds.
      compared: the tasks in which a blessed model was measured too; empty without one.
    """

    layout: RowLayout
    blessed: bool
    everything: SliceResult | None
    slices: dict[str, list[SliceResult]]
    checks: list[ThresholdCheck]
    compared: list[str]

    @classmethod
    def read(cls, uri: str) -> "EvaluationResult":
        """Reads an Evaluator's artifact, on any file system that TensorFlow knows."""
        config = tfma.load_eval_results(uri).get_results()[0].config
        layout = layout_of(config)
        confidences = _confidences(config)
        found = [_slice_result(metrics, layout, confidences) for metrics in tfma.load_metrics(uri)]
        everything = next((result for result in found if not result.name), None)
        return cls(
            layout=layout,
            blessed=tfma.load_validation_result(uri).validation_ok,
            everything=everything,
            slices={
                name: _ordered([result for result in found if result.name == name], slicing)
                for name, slicing in layout.slices.items()
            },
            checks=list(_checks(config, everything)) if everything else [],
            compared=[
                task for spec in config.metrics_specs if BASELINE in spec.model_names for task in spec.output_names
            ],
        )

    @property
    def failures(self) -> list[str]:
        """Why the model is not blessed, a sentence each; empty if it is."""
        if self.blessed:
            return []
        unmet = [check.sentence for check in self.checks if not check.met]
        return unmet or ["no candidate was evaluated: the examples have no requests to evaluate"]


def blessing_failures(evaluation_uri: str) -> list[str]:
    """Why an evaluated model is not blessed: task, metric, value and bound, a sentence each; empty if it is."""
    return EvaluationResult.read(evaluation_uri).failures


def _slice_result(
    metrics: tfma.MetricsForSlice, layout: RowLayout, confidences: Mapping[tuple[str, str], float]
) -> SliceResult:
    """The metrics of a slice; `confidences`: of the gains' intervals, by task and metric."""
    name, part = next(iter(tfma.slicer.deserialize_slice_key(metrics.slice_key)), ("", ""))
    values = _known_values(metrics)
    return SliceResult(
        name=name,
        part=str(part),
        candidates=int(values["", CANDIDATE, CANDIDATES]),
        rows={task: int(values[task, CANDIDATE, ROWS]) for task in layout.tasks},
        metrics={
            task: {metric: _measured(values, task, metric, confidences) for metric in metric_names(config.kind)}
            for task, config in layout.tasks.items()
        },
    )


def _measured(values: _Values, task: str, metric: str, confidences: Mapping[tuple[str, str], float]) -> Measured:
    low, high = (values.get((task, _BETWEEN, gain_end(metric, end))) for end in ("low", "high"))
    interval = None if low is None or high is None else Interval(low, high, confidences[task, metric])
    return Measured(values.get((task, CANDIDATE, metric)), values.get((task, BASELINE, metric)), interval)


def _known_values(metrics: tfma.MetricsForSlice) -> _Values:
    """All that is not NaN."""
    values = {}
    for item in metrics.metric_keys_and_values:
        key, value = item.key, item.value.double_value.value
        # TFMA gives a model that is alone no name.
        model = _BETWEEN if key.is_diff else key.model_name or CANDIDATE
        if not math.isnan(value):
            values[key.output_name, model, key.name] = value
    return values


def _confidences(config: EvalConfig) -> dict[tuple[str, str], float]:
    """Of the intervals of gains, by task and metric."""
    return {
        (task, values["metric"]): values["confidence"]
        for task, metric in _task_metrics(config)
        if metric.class_name == GainInterval.__name__ and (values := json.loads(metric.config))
    }


def _ordered(parts: list[SliceResult], slicing: SliceConfig) -> list[SliceResult]:
    if slicing.boundaries:
        order = [*range_texts(slicing.boundaries), MISSING]
        return sorted(parts, key=lambda result: order.index(result.part))
    return sorted(parts, key=lambda result: (-result.candidates, result.part))


def _checks(config: EvalConfig, everything: SliceResult) -> Iterator[ThresholdCheck]:
    """Of all thresholds but the one on the number of candidates, which belongs to no task."""
    for task, metric in _task_metrics(config):
        values, sure = json.loads(metric.config), metric.class_name == GainInterval.__name__
        name = values["metric"] if sure else values["name"]
        for sliced in metric.per_slice_thresholds:
            yield from threshold_checks(task, name, sliced.threshold, everything.metrics[task][name], sure=sure)


def _task_metrics(config: EvalConfig) -> Iterator[tuple[str, MetricConfig]]:
    return ((task, metric) for spec in config.metrics_specs for task in spec.output_names for metric in spec.metrics)
