"""The evaluation of a run as TFMA's EvalConfig: models, metrics, slices and what a model has to reach to be blessed."""

import json
from collections.abc import Collection
from pathlib import Path

import tensorflow_model_analysis as tfma
from google.protobuf.wrappers_pb2 import BoolValue, DoubleValue
from tensorflow_model_analysis.proto.config_pb2 import (
    EvalConfig,
    GenericChangeThreshold,
    GenericValueThreshold,
    MetricConfig,
    MetricDirection,
    MetricsSpec,
    MetricThreshold,
    ModelSpec,
    Options,
    PerSliceMetricThreshold,
    SlicingSpec,
)

from tfgrec.close_match import suggestion
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.config.pipeline import SliceConfig, ThresholdConfig
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.errors import ConfigurationError
from tfgrec.graph.computed.computed_features import computed_features
from tfgrec.graph.schema import READOUT, Feature
from tfgrec.metrics import METRICS, metric_names
from tfgrec.serving.signatures.names import SIGNATURE
from tfx_pipeline.evaluation.gain_interval import GainInterval, gain_end
from tfx_pipeline.evaluation.metrics import CandidateCount, TaskMetric
from tfx_pipeline.evaluation.row_layout import SCENARIO, RowLayout

CANDIDATE, BASELINE = tfma.CANDIDATE_KEY, tfma.BASELINE_KEY
CANDIDATES, ROWS = "candidates", "rows"
# Of the intervals for which no threshold names a confidence.
_CONFIDENCE = 0.95


def eval_config(config: RunConfig) -> EvalConfig:
    """What TFX's Evaluator measures and asks for; its extractors are those of `tfx_pipeline.evaluation.module`.

    Thresholds are on all rows, not on slices. At least one candidate has to be evaluated in any case: TFX blesses no
    model without a threshold that holds for it, and gains are not asked for while no model is blessed.

    Raises:
      ConfigurationError: a threshold names an unknown task or metric.
    """
    _check_thresholds(config)
    layout = RowLayout.of(config)
    models = [
        ModelSpec(name=name, model_type=tfma.TF_GENERIC, signature_name=SIGNATURE, is_baseline=name == BASELINE)
        for name in (CANDIDATE, BASELINE)
    ]
    return EvalConfig(
        model_specs=models,
        slicing_specs=[SlicingSpec(), *(SlicingSpec(feature_keys=[name]) for name in layout.slices)],
        metrics_specs=[_count_spec(layout), *(_task_spec(config, task) for task in layout.tasks)],
        options=Options(include_default_metrics=BoolValue(value=False)),
    )


def check_pipeline(config: RunConfig, tables: TablesConfig) -> None:
    """Raises ConfigurationError for slices and thresholds that name what the records or the model do not have."""
    _check_thresholds(config)
    requests, slices = tables.requests, config.pipeline.slices
    if SCENARIO in slices and config.evaluation.scenario is not None:
        raise ConfigurationError(f"pipeline.slices.{SCENARIO}: evaluation.scenario makes a slice of that name already")
    # Not labels: within one value of a label there is nothing to rank.
    known = {*requests.features, *computed_features(requests)}
    by_feature = {name: cut for name, cut in slices.items() if cut.feature is not None}
    for name, cut in by_feature.items():
        _check_known(cut.feature, known, f"pipeline.slices.{name}.feature: no feature '{cut.feature}' of requests")
    if by_feature:
        features = read_graph_schema(Path(config.schema_dir) / "graph.pbtxt", tables).node_sets[READOUT].features
        for name, cut in by_feature.items():
            _check_cut(f"pipeline.slices.{name}", cut, features[cut.feature])


def layout_of(config: EvalConfig) -> RowLayout:
    """The layout that `eval_config` has put in."""
    for spec in config.metrics_specs:
        for metric in spec.metrics:
            if metric.class_name == CandidateCount.__name__:
                return RowLayout.model_validate(json.loads(metric.config)["layout"])
    raise ConfigurationError("eval_config: was not made by tfx_pipeline.evaluation.eval_config")


def _count_spec(layout: RowLayout) -> MetricsSpec:
    """The number of candidates, and that there is one."""
    at_least_one = _on_all_rows(MetricThreshold(value_threshold=_bounds(ThresholdConfig(at_least=1))))
    values = {"name": CANDIDATES, "layout": layout.model_dump(mode="json")}
    count = _metric_config(CandidateCount, values)
    count.per_slice_thresholds.append(at_least_one)
    return MetricsSpec(model_names=[CANDIDATE], metrics=[count])


def _task_spec(config: RunConfig, task: str) -> MetricsSpec:
    """The metrics of a task, those that its kind has, their thresholds, and the intervals of their gains."""
    metrics = [_metric_config(TaskMetric, {"name": ROWS})]
    first, *others = metric_names(config.model.tasks[task].kind)
    for name in (first, *others):
        threshold = config.pipeline.thresholds.get(task, {}).get(name)
        metric = _metric_config(TaskMetric, {"name": name})
        if threshold is not None:
            metric.per_slice_thresholds.append(_on_all_rows(_threshold(name, threshold)))
        metrics.append(metric)
        if name == first or (threshold is not None and threshold.min_gain is not None):
            metrics.append(_interval_config(name, threshold))
    return MetricsSpec(model_names=[CANDIDATE, BASELINE], output_names=[task], metrics=metrics)


def _interval_config(metric: str, threshold: ThresholdConfig | None) -> MetricConfig:
    """The interval of a metric's gain; where the threshold names a confidence, its low end has to reach min_gain."""
    confidence = None if threshold is None else threshold.confidence
    values = {"name": gain_end(metric, "low"), "metric": metric, "confidence": confidence or _CONFIDENCE}
    interval = _metric_config(GainInterval, values)
    if confidence is not None:
        low_end = GenericChangeThreshold(
            absolute=DoubleValue(value=threshold.min_gain), direction=MetricDirection.HIGHER_IS_BETTER
        )
        interval.per_slice_thresholds.append(_on_all_rows(MetricThreshold(change_threshold=low_end)))
    return interval


def _metric_config(metric: type[tfma.metrics.Metric], values: dict) -> MetricConfig:
    return MetricConfig(class_name=metric.__name__, module=metric.__module__, config=json.dumps(values))


def _threshold(metric: str, threshold: ThresholdConfig) -> MetricThreshold:
    result = MetricThreshold()
    if threshold.at_least is not None or threshold.at_most is not None:
        result.value_threshold.CopyFrom(_bounds(threshold))
    if threshold.min_gain is not None and threshold.confidence is None:
        falls = METRICS[metric].better == "lower"
        change = GenericChangeThreshold(
            absolute=DoubleValue(value=-threshold.min_gain if falls else threshold.min_gain),
            direction=MetricDirection.LOWER_IS_BETTER if falls else MetricDirection.HIGHER_IS_BETTER,
        )
        result.change_threshold.CopyFrom(change)
    return result


def _bounds(threshold: ThresholdConfig) -> GenericValueThreshold:
    bounds = GenericValueThreshold()
    if threshold.at_least is not None:
        bounds.lower_bound.value = threshold.at_least
    if threshold.at_most is not None:
        bounds.upper_bound.value = threshold.at_most
    return bounds


def _on_all_rows(threshold: MetricThreshold) -> PerSliceMetricThreshold:
    return PerSliceMetricThreshold(slicing_specs=[SlicingSpec()], threshold=threshold)


def _check_thresholds(config: RunConfig) -> None:
    tasks = config.model.tasks
    for task, of_task in config.pipeline.thresholds.items():
        _check_known(task, tasks, f"pipeline.thresholds: no task '{task}'")
        for metric, threshold in of_task.items():
            where = f"pipeline.thresholds.{task}.{metric}"
            kind = tasks[task].kind
            _check_known(metric, metric_names(kind), f"{where}: no metric '{metric}' of {kind} tasks")
            _check_bounds(where, metric, threshold)
            if METRICS[metric].better == "neither" and threshold.min_gain is not None:
                raise ConfigurationError(
                    f"{where}.min_gain: {metric} is better neither higher nor lower: give at_least and at_most"
                )


def _check_bounds(where: str, metric: str, threshold: ThresholdConfig) -> None:
    """What no model can reach is told before one is trained."""
    for key in ("at_least", "at_most"):
        bound = getattr(threshold, key)
        if METRICS[metric].share and bound is not None and not 0 <= bound <= 1:
            raise ConfigurationError(f"{where}.{key}: {metric} lies between 0 and 1, received {bound:g}")


def _check_cut(where: str, cut: SliceConfig, feature: Feature) -> None:
    if feature.multi_valued:
        raise ConfigurationError(f"{where}.feature: '{cut.feature}' has several values a candidate")
    if cut.boundaries and feature.dtype == "string":
        raise ConfigurationError(f"{where}.boundaries: '{cut.feature}' is text and has no ranges")


def _check_known(name: str, known: Collection[str], complaint: str) -> None:
    if name not in known:
        raise ConfigurationError(f"{complaint}: {suggestion(name, known)}")
