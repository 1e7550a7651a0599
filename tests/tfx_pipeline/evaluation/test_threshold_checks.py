"""Our word on each bound is TFMA's word on the threshold."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import tensorflow_model_analysis as tfma
from hypothesis import given
from tensorflow_model_analysis.evaluators.metrics_validator import validate_metrics

from tfgrec.config import RunConfig
from tfx_pipeline.evaluation.eval_config import BASELINE, CANDIDATE, CANDIDATES, eval_config
from tfx_pipeline.evaluation.gain_interval import GainInterval, gain_end
from tfx_pipeline.evaluation.threshold_checks import Interval, Measured, ThresholdCheck, threshold_checks

# Few values, so that equality is common.
VALUES = st.sampled_from([0.25, 0.5, 0.625, 0.75]) | st.floats(0, 1)
BOUNDS = st.none() | VALUES
GAINS = st.none() | st.sampled_from([-0.25, 0.0, 0.25]) | st.floats(-1, 1)
METRICS = {
    "auc": "click",
    "log_loss": "click",
    "calibration": "click",
    "mae": "watch_time",
    "concordance": "watch_time",
}


@given(
    metric=st.sampled_from(sorted(METRICS)),
    at_least=BOUNDS,
    at_most=BOUNDS,
    min_gain=GAINS,
    candidate=VALUES | st.just(float("nan")),
    baseline=VALUES,
    confidence=st.none() | st.just(0.9),
    low=GAINS | st.just(float("nan")),
)
def test_all_bounds_are_met_exactly_where_tfma_finds_no_failure(
    pipeline_config: Callable[..., RunConfig],
    metric: str,
    at_least: float | None,
    at_most: float | None,
    min_gain: float | None,
    candidate: float,
    baseline: float,
    confidence: float | None,
    low: float | None,
) -> None:
    if at_least is not None and at_most is not None:
        at_least, at_most = sorted([at_least, at_most])
    threshold = {"at_least": at_least, "at_most": at_most, "min_gain": None if metric == "calibration" else min_gain}
    threshold = {key: bound for key, bound in threshold.items() if bound is not None}
    if not threshold:
        return
    sure = confidence is not None and "min_gain" in threshold
    asked = {**threshold, "confidence": confidence} if sure else threshold
    task = METRICS[metric]
    config = eval_config(pipeline_config(thresholds={task: {metric: asked}}))
    key = tfma.metrics.MetricKey(metric, model_name=CANDIDATE, output_name=task)
    found = {
        tfma.metrics.MetricKey(CANDIDATES, model_name=CANDIDATE): 10.0,
        key: candidate,
        key._replace(model_name=BASELINE): baseline,
        key._replace(is_diff=True): candidate - baseline,
    }
    if low is not None:
        found[key._replace(name=gain_end(metric, "low"), is_diff=True)] = low
    by_tfma = validate_metrics(((), found), config).validation_ok

    interval = None if low is None or low != low else Interval(low, 1.0, 0.9)
    measured = Measured(None if candidate != candidate else candidate, baseline, interval)
    checks = [
        check
        for spec in config.metrics_specs
        if task in spec.output_names
        for one in spec.metrics
        for sliced in one.per_slice_thresholds
        for check in threshold_checks(
            task, metric, sliced.threshold, measured, sure=one.class_name == GainInterval.__name__
        )
    ]
    assert [check.sure for check in checks if check.key == "min_gain"] == [sure] * ("min_gain" in threshold)
    assert {check.key: check.bound for check in checks} == pytest.approx(threshold)
    assert all(check.met for check in checks) == by_tfma


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (
            ThresholdCheck("click", "auc", "at_least", 0.75, Measured(0.7312344)),
            "click: auc is 0.731234; at_least is 0.75",
        ),
        (
            ThresholdCheck("click", "log_loss", "min_gain", 0, Measured(0.5, 0.25)),
            "click: log_loss is 0.5, the blessed model's is 0.25, a gain of -0.25; min_gain is 0",
        ),
        (
            ThresholdCheck(
                "is_click", "auc", "min_gain", -0.002, Measured(0.7567, 0.7572, Interval(-0.0021, 0.001, 0.95)), True
            ),
            "is_click: auc is 0.7567, the blessed model's is 0.7572, a gain of -0.0005 (95% sure of at least -0.0021); "
            "min_gain is -0.002",
        ),
        (
            ThresholdCheck("click", "gauc", "at_most", 1, Measured(None)),
            "click: gauc is undefined on the evaluated rows; at_most is 1",
        ),
        (
            ThresholdCheck("click", "gauc", "min_gain", 0, Measured(0.5, None)),
            "click: gauc is 0.5, the blessed model's is undefined; min_gain is 0",
        ),
    ],
)
def test_what_is_not_met_is_said(check: ThresholdCheck, sentence: str) -> None:
    assert not check.met
    assert check.sentence == sentence
