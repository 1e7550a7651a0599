"""What of an older model is compared: the tasks that both have, if the new records have all that it reads."""

import copy
from pathlib import Path

import pytest
import small_records
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig

from tfgrec.errors import InputDataError
from tfgrec.graph.sampling.record_schema import record_schema
from tfx_pipeline.evaluation.comparable_tasks import ExportedModel, comparable_tasks, leave_out

TASKS = {"click": {"label": "click", "kind": "binary"}, "watch_time": {"label": "watch_ms", "kind": "regression"}}
DESCRIBED = {"tasks": TASKS, "schema": record_schema(small_records.SCHEMA, small_records.SAMPLING).to_json()}


def changed(**changes: object) -> ExportedModel:
    """The described model with some entries changed, named by their path: None takes one away."""
    values = copy.deepcopy(DESCRIBED)
    for path, value in changes.items():
        *parents, last = path.split("__")
        entry = values
        for parent in parents:
            entry = entry[parent]
        entry.pop(last) if value is None else entry.update({last: value})
    return ExportedModel.from_json(values)


WHOLE = changed()
NUMBER = {"dtype": "float32", "multi_valued": False}


@pytest.mark.parametrize(
    ("baseline", "comparable"),
    [
        (WHOLE, ["click", "watch_time"]),
        (changed(tasks__share={"label": "share", "kind": "binary"}), ["click", "watch_time"]),
        (changed(tasks__click=None), ["watch_time"]),
        (changed(tasks__click={"label": "long_click", "kind": "binary"}), ["watch_time"]),
        (changed(tasks__watch_time={"label": "watch_ms", "kind": "binary"}), ["click"]),
        (changed(schema__node_sets__user__features__activity=None), ["click", "watch_time"]),
        (changed(schema__edge_sets__visited=None), ["click", "watch_time"]),
        (changed(schema__node_sets__user__features__height=NUMBER), []),
        (changed(schema__node_sets__user__features__age_group=NUMBER), []),
        (changed(schema__node_sets__shop={"features": {}}), []),
        (changed(schema__edge_sets__bought={"source": "user", "target": "video", "features": {}}), []),
        (changed(schema__edge_sets__watched__target="room"), []),
        (changed(schema__context__weather=NUMBER), []),
    ],
)
def test_tasks_that_both_have_are_compared(baseline: ExportedModel, comparable: list[str]) -> None:
    assert comparable_tasks(WHOLE, baseline) == comparable


def test_a_model_from_elsewhere_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputDataError, match=r"assets\.extra/tfgrec\.json: is missing: the model was not exported by"):
        ExportedModel.read(str(tmp_path))


def test_what_is_not_compared_has_no_gain_to_reach() -> None:
    config = EvalConfig()
    for task in TASKS:
        spec = config.metrics_specs.add(model_names=["candidate", "baseline"], output_names=[task])
        threshold = spec.metrics.add().per_slice_thresholds.add().threshold
        threshold.value_threshold.lower_bound.value = 0.5
        threshold.change_threshold.absolute.value = 0
    untouched = copy.deepcopy(config)
    leave_out(config, baseline="baseline", comparable=["click", "watch_time"])
    assert config == untouched
    leave_out(config, baseline="baseline", comparable=["click"])
    assert config.metrics_specs[0] == untouched.metrics_specs[0]
    left = config.metrics_specs[1]
    assert list(left.model_names) == ["candidate"]
    (threshold,) = [sliced.threshold for sliced in left.metrics[0].per_slice_thresholds]
    assert threshold.HasField("value_threshold") and not threshold.HasField("change_threshold")
