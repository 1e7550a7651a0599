"""What the Evaluator found, read off its artifact: metrics by slice for both models, and which thresholds hold."""

import dataclasses
import json
import math
from collections.abc import Iterator

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig, MetricThreshold

from tfgrec.config.pipeline import SliceConfig
from tfx_pipeline.evaluation.eval_config import BASELINE, CANDIDATES, ROWS, layout_of
from tfx_pipeline.evaluation.row_layout import MISSING, RowLayout, range_texts
from tfx_pipeline.evaluation.threshold_checks import Measured, ThresholdCheck, threshold_checks


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
        found = [_slice_result(metrics, layout) for metrics in tfma.load_metrics(uri)]
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


def _slice_result(metrics: tfma.MetricsForSlice, layout: RowLayout) -> SliceResult:
    name, part = next(iter(tfma.slicer.deserialize_slice_key(metrics.slice_key)), ("", ""))
    result = SliceResult(name, str(part), 0, {}, {task: {} for task in layout.tasks})
    for item in metrics.metric_keys_and_values:
        key, value = item.key, item.value.double_value.value
        if key.is_diff:
            continue
        if key.name == CANDIDATES:
            result = dataclasses.replace(result, candidates=int(value))
        elif key.name == ROWS:
            result.rows[key.output_name] = int(value)
        else:
            of_task = result.metrics[key.output_name]
            model = "baseline" if key.model_name == BASELINE else "candidate"
            known = None if math.isnan(value) else value
            of_task[key.name] = dataclasses.replace(of_task.get(key.name, Measured()), **{model: known})
    return result


def _ordered(parts: list[SliceResult], slicing: SliceConfig) -> list[SliceResult]:
    if slicing.boundaries:
        order = [*range_texts(slicing.boundaries), MISSING]
        return sorted(parts, key=lambda result: order.index(result.part))
    return sorted(parts, key=lambda result: (-result.candidates, result.part))


def _checks(config: EvalConfig, everything: SliceResult) -> Iterator[ThresholdCheck]:
    for task, metric, threshold in _thresholds(config):
        yield from threshold_checks(task, metric, threshold, everything.metrics[task][metric])


def _thresholds(config: EvalConfig) -> Iterator[tuple[str, str, MetricThreshold]]:
    """Task, metric and threshold; without the one on the number of candidates, which belongs to no task."""
    for spec in config.metrics_specs:
        for task in spec.output_names:
            for metric in spec.metrics:
                name = json.loads(metric.config)["name"]
                yield from ((task, name, sliced.threshold) for sliced in metric.per_slice_thresholds)
