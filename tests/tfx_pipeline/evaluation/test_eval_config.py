"""What the configuration asks for reaches TFMA whole, through the JSON that TFX makes of it."""

from collections.abc import Callable

import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig

from tfgrec.config import RunConfig, load_tables_config
from tfgrec.config.pipeline import ThresholdConfig
from tfgrec.errors import ConfigurationError
from tfgrec.metrics import metric_names
from tfx_pipeline.evaluation.eval_config import BASELINE, CANDIDATE, check_pipeline, eval_config, layout_of
from tfx_pipeline.evaluation.row_layout import RowLayout

MakeConfig = Callable[..., RunConfig]

SLICES = {"activity": {"feature": "user_watched", "boundaries": [1, 10]}, "hour": {"feature": "hour"}}


def test_models_metrics_and_slices_are_all_there(pipeline_config: MakeConfig) -> None:
    config = eval_config(pipeline_config(slices=SLICES))
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [(CANDIDATE, False), (BASELINE, True)]
    assert {(spec.model_type, spec.signature_name) for spec in config.model_specs} == {
        ("tf_generic", "serving_default")
    }
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["scenario"], ["activity"], ["hour"]]
    keys = {(key.output_name, key.model_name, key.name) for key in computed_keys(config)}
    for task, kind in {"click": "binary", "watch_time": "regression"}.items():
        assert {(task, model, metric) for model in (CANDIDATE, BASELINE) for metric in metric_names(kind)} <= keys


def computed_keys(config: EvalConfig) -> list[tfma.metrics.MetricKey]:
    from tensorflow_model_analysis.metrics.metric_specs import to_computations

    return [key for one in to_computations(list(config.metrics_specs), eval_config=config) for key in one.keys]


def test_the_layout_survives_the_json_of_the_evaluator(pipeline_config: MakeConfig) -> None:
    config = pipeline_config(slices=SLICES)
    text = json_format.MessageToJson(eval_config(config), preserving_proto_field_name=True)
    layout = layout_of(json_format.Parse(text, EvalConfig()))
    assert layout == RowLayout.of(config)
    assert list(layout.tasks) == ["click", "watch_time"] and layout.min_rows == 10
    assert layout.slices["scenario"].feature == "scenario" and layout.slices["activity"].boundaries == [1, 10]


@pytest.mark.parametrize("confidence", [None, 0.9])
def test_without_a_blessed_model_gains_are_not_asked_for_and_something_else_is(
    pipeline_config: MakeConfig, confidence: float | None
) -> None:
    """TFX blesses no model for which it has no threshold."""
    threshold = {"min_gain": 0.001, "confidence": confidence}
    config = eval_config(pipeline_config(thresholds={"click": {"auc": threshold}}))
    for has_baseline, of_click in ((True, 1), (False, 0)):
        updated = tfma.utils.update_eval_config_with_defaults(config, has_baseline=has_baseline, rubber_stamp=True)
        asked = tfma.metrics.metric_thresholds_from_metrics_specs(updated.metrics_specs, eval_config=updated)
        assert sum(key.output_name == "click" and key.model_name != BASELINE for key in asked) == of_click
        assert [key.name for key in asked if not key.output_name] == ["candidates"]


@pytest.mark.parametrize(
    ("threshold", "complaint"),
    [
        ({"min_gain": 0, "confidence": 0.5}, "greater than 0.5"),
        ({"min_gain": 0, "confidence": 1}, "less than 1"),
        ({"at_least": 0.9, "at_most": 0.1}, "no value is at least 0.9 and at most 0.1"),
        ({"at_least": 0.5, "confidence": 0.9}, "confidence: is that of min_gain, which is not given"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(threshold: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ThresholdConfig.model_validate(threshold)


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        (
            {"thresholds": {"clik": {"auc": {"at_least": 0.5}}}},
            r"pipeline\.thresholds: no task 'clik': did you mean 'click'",
        ),
        (
            {"thresholds": {"click": {"acu": {"at_least": 0.5}}}},
            r"pipeline\.thresholds\.click\.acu: no metric 'acu' of binary tasks: did you mean 'auc'",
        ),
        ({"thresholds": {"watch_time": {"auc": {"at_least": 0.5}}}}, r"watch_time\.auc: no metric 'auc' of regression"),
        (
            {"thresholds": {"click": {"calibration": {"min_gain": 0}}}},
            r"calibration\.min_gain: calibration is better neither higher nor lower",
        ),
        (
            {"slices": {"place": {"feature": "hours"}}},
            r"pipeline\.slices\.place\.feature: no feature 'hours' of requests: did you mean 'hour'",
        ),
        (
            {"slices": {"place": {"feature": "click"}}},
            r"pipeline\.slices\.place\.feature: no feature 'click' of requests",
        ),
        (
            {"thresholds": {"click": {"auc": {"at_least": 1.5}}}},
            r"click\.auc\.at_least: auc lies between 0 and 1, received 1\.5",
        ),
        ({"slices": {"scenario": {"feature": "hour"}}}, r"pipeline\.slices\.scenario: evaluation\.scenario makes"),
        (
            {"slices": {"place": {"feature": "scenario", "boundaries": [1]}}},
            r"pipeline\.slices\.place\.boundaries: 'scenario' is text",
        ),
    ],
)
def test_what_records_or_model_lack_is_named(pipeline_config: MakeConfig, section: dict, complaint: str) -> None:
    config = pipeline_config(**section)
    with pytest.raises(ConfigurationError, match=complaint):
        check_pipeline(config, load_tables_config(config.schema_dir))


def test_a_configuration_that_fits_is_accepted(pipeline_config: MakeConfig) -> None:
    thresholds = {"click": {"auc": {"at_least": 0.5}, "log_loss": {"min_gain": 0}}}
    config = pipeline_config(slices=SLICES, thresholds=thresholds)
    check_pipeline(config, load_tables_config(config.schema_dir))
