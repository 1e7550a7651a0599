"""Our word on each bound is TFMA's word on the threshold."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import tensorflow_model_analysis as tfma
from hypothesis import given
from tensorflow_model_analysis.evaluators.metrics_validator import validate_metrics

from tfgrec.config import RunConfig
from tfx_pipeline.evaluation.eval_config import BASELINE, CANDIDATE, CANDIDATES, eval_config
from tfx_pipeline.evaluation.threshold_checks import Measured, ThresholdCheck, threshold_checks

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
)
def test_all_bounds_are_met_exactly_where_tfma_finds_no_failure(
    pipeline_config: Callable[..., RunConfig],
    metric: str,
    at_least: float | None,
    at_most: float | None,
    min_gain: float | None,
    candidate: float,
    baseline: float,
) -> None:
    threshold = {"at_least": at_least, "at_most": at_most, "min_gain": None if metric == "calibration" else min_gain}
    threshold = {key: bound for key, bound in threshold.items() if bound is not None}
    if not threshold:
        return
    task = METRICS[metric]
    config = eval_config(pipeline_config(thresholds={task: {metric: threshold}}))
    key = tfma.metrics.MetricKey(metric, model_name=CANDIDATE, output_name=task)
    found = {
        tfma.metrics.MetricKey(CANDIDATES, model_name=CANDIDATE): 10.0,
        key: candidate,
        key._replace(model_name=BASELINE): baseline,
        key._replace(is_diff=True): candidate - baseline,
    }
    by_tfma = validate_metrics(((), found), config).validation_ok

    measured = Measured(None if candidate != candidate else candidate, baseline)
    (sliced,) = [
        sliced
        for spec in config.metrics_specs
        if task in spec.output_names
        for one in spec.metrics
        for sliced in one.per_slice_thresholds
    ]
    checks = list(threshold_checks(task, metric, sliced.threshold, measured))
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
