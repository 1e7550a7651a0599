"""The table of metrics: missing labels, scenarios, undefined metrics, refused tables."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from tfgrec.config.model import TaskConfig
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.metrics import METRICS, cold_start, evaluate_predictions, task_metric

TASKS = {"click": TaskConfig(label="is_click"), "watch": TaskConfig(label="watch_ms", kind="regression")}


@pytest.fixture
def predictions() -> pd.DataFrame:
    generator = np.random.default_rng(3)
    probability = generator.random(300)
    watch = generator.exponential(1000, 300)
    return pd.DataFrame(
        {
            "user": generator.integers(0, 20, 300),
            "request": np.arange(300) // 3,
            "scenario": np.repeat([b"feed", b"search", b"live"], [200, 90, 10]),
            "label/click": (generator.random(300) < probability).astype(np.float32),
            "prediction/click": probability.astype(np.float32),
            "label/watch": watch,
            "prediction/watch": watch + generator.normal(0, 500, 300),
        }
    )


def test_metrics_are_those_of_the_columns(predictions):
    result = evaluate_predictions(predictions, tasks=TASKS, scenario="tab", min_scenario_rows=50)
    labels, scores = (predictions[f"{part}/click"].to_numpy(np.float64) for part in ("label", "prediction"))
    assert (result["rows"], result["requests"]) == (300, 100)
    assert result["click"]["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    assert result["click"]["log_loss"] == pytest.approx(sklearn_metrics.log_loss(labels, scores))
    assert result["click"]["calibration"] == pytest.approx(scores.mean() / labels.mean())
    expected = sklearn_metrics.mean_absolute_error(predictions["label/watch"], predictions["prediction/watch"])
    assert result["watch"]["mae"] == pytest.approx(expected)


def test_scenarios_are_slices_and_small_ones_are_left_out(predictions):
    result = evaluate_predictions(predictions, tasks=TASKS, scenario="tab", min_scenario_rows=50)
    assert set(result["scenarios"]) == {"feed", "search"}
    search = predictions[predictions["scenario"] == b"search"].drop(columns="scenario")
    alone = evaluate_predictions(search, tasks=TASKS, scenario=None, min_scenario_rows=50)
    assert result["scenarios"]["search"] == {"click": alone["click"], "watch": alone["watch"], "rows": 90}
    assert alone["scenarios"] == {}


def test_rows_without_a_label_are_left_out_of_that_task_only(predictions):
    without = predictions.copy()
    without.loc[without.index[:120], "label/click"] = np.nan
    result = evaluate_predictions(without, tasks=TASKS, scenario=None, min_scenario_rows=1)
    rest = evaluate_predictions(predictions[120:], tasks=TASKS, scenario=None, min_scenario_rows=1)
    whole = evaluate_predictions(predictions, tasks=TASKS, scenario=None, min_scenario_rows=1)
    assert result["click"] == rest["click"] != whole["click"]
    assert result["watch"] == whole["watch"]


def test_one_class_only_is_none(predictions):
    predictions["label/click"] = 0.0
    result = evaluate_predictions(predictions, tasks=TASKS, scenario=None, min_scenario_rows=1)
    assert result["click"]["auc"] is result["click"]["gauc"] is result["click"]["calibration"] is None
    assert result["click"]["log_loss"] > 0


def test_certain_and_wrong_costs_a_finite_loss():
    assert task_metric("log_loss", np.array([0.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(-np.log(1e-7))


def test_refuses_what_it_cannot_measure(predictions):
    with pytest.raises(InputDataError, match="'label/watch'"):
        evaluate_predictions(predictions.drop(columns="label/watch"), tasks=TASKS, scenario=None, min_scenario_rows=1)
    predictions.loc[[4, 7], "prediction/click"] = np.nan
    with pytest.raises(InputDataError, match="'prediction/click' has 2 values"):
        evaluate_predictions(predictions, tasks=TASKS, scenario=None, min_scenario_rows=1)
    # All keys of a part in metrics.json beside its tasks.
    for name in ("rows", "requests", "scenarios", "cold_start", "retrieval"):
        with pytest.raises(ConfigurationError, match=f"'{name}'"):
            evaluate_predictions(predictions, tasks={name: TASKS["click"]}, scenario=None, min_scenario_rows=1)


def test_empty_tables_have_no_metrics():
    nothing = np.zeros(0)
    assert [task_metric(name, nothing, nothing) for name in METRICS] == [None] * len(METRICS)


def test_cold_and_warm_rows_are_measured_apart(predictions: pd.DataFrame) -> None:
    cold = predictions["user"] == predictions["user"].iloc[0]
    marked = predictions.assign(cold_user=cold, cold_item=False)
    found = cold_start(marked, tasks=TASKS)
    alone = evaluate_predictions(predictions[cold], tasks=TASKS, scenario=None, min_scenario_rows=1)
    alone.pop("scenarios")
    assert found["user"]["cold"] == alone
    assert found["user"]["warm"]["rows"] + alone["rows"] == len(predictions) == found["item"]["warm"]["rows"]
    nothing = found["item"]["cold"]
    assert nothing["rows"] == nothing["requests"] == 0
    assert all(value is None for task in TASKS for value in nothing[task].values())
    assert cold_start(predictions, tasks=TASKS) == {}
