"""tfgrec's metrics in TFMA: the same numbers, however the rows come in."""

from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from hypothesis import given

from tfgrec.config import RunConfig
from tfgrec.metrics import METRICS, evaluate_predictions, user_bootstrap
from tfx_pipeline.evaluation.eval_config import BASELINE, CANDIDATE, eval_config
from tfx_pipeline.evaluation.metrics import TaskMetric
from tfx_pipeline.evaluation.results import EvaluationResult

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
SCENARIOS = ("feed", "search", "shop")


def made_up_rows(*, rows: int, seed: int) -> pd.DataFrame:
    """Rows as `evaluate_predictions` wants them, with a second model's predictions beside."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=rows)
    watched = np.where(generator.random(rows) < 0.2, np.nan, 4000 * np.exp(truth))
    table = {
        "user": np.repeat(generator.integers(0, 40, rows), 5)[:rows],
        "request": np.arange(rows) // 5,
        "scenario": generator.choice(SCENARIOS, rows, p=(0.7, 0.25, 0.05)),
        "label/click": (generator.random(rows) < 1 / (1 + np.exp(-truth))).astype(np.float32),
        "label/watch_time": watched.astype(np.float32),
    }
    for model, noise in ((CANDIDATE, 0.5), (BASELINE, 2.0)):
        # Rounded, so that some tie.
        heard = np.round(truth + noise * generator.normal(size=rows), 1)
        table[f"{model}/click"] = (1 / (1 + np.exp(-heard))).astype(np.float32)
        table[f"{model}/watch_time"] = (3000 * np.exp(heard)).astype(np.float32)
    return pd.DataFrame(table)


def extracts_of(rows: pd.DataFrame, slice_key: tuple) -> tfma.Extracts:
    models = (CANDIDATE, BASELINE)
    return {
        tfma.LABELS_KEY: {task: rows[f"label/{task}"].to_numpy() for task in ("click", "watch_time")},
        tfma.PREDICTIONS_KEY: {
            model: {task: rows[f"{model}/{task}"].to_numpy() for task in ("click", "watch_time")} for model in models
        },
        tfma.FEATURES_KEY: {
            "user": rows["user"].to_numpy().astype(np.uint64),
            "request": (rows["request"] - rows["request"].min()).to_numpy(np.int32),
        },
        tfma.SLICE_KEY_TYPES_KEY: [slice_key],
    }


def in_batches_and_slices(table: pd.DataFrame, size: int) -> list[tfma.Extracts]:
    extracts = []
    for start in range(0, len(table), size):
        batch = table.iloc[start : start + size]
        extracts.append(extracts_of(batch, ()))
        for scenario, rows in batch.groupby("scenario"):
            extracts.append(extracts_of(rows, (("scenario", scenario),)))
    return extracts


def expected_metrics(table: pd.DataFrame, config: RunConfig, model: str) -> dict:
    renamed = table.rename(columns={f"{model}/{task}": f"prediction/{task}" for task in config.model.tasks})
    return evaluate_predictions(renamed, tasks=config.model.tasks, scenario="scenario", min_scenario_rows=1)


def evaluated(config: RunConfig, table: pd.DataFrame, folder: Path) -> EvaluationResult:
    """What TFMA writes of both models."""
    stage = tfma.extractors.Extractor(tfma.extractors.SLICE_KEY_EXTRACTOR_STAGE_NAME, beam.Map(lambda extract: extract))
    models = [
        tfma.EvalSharedModel(
            model_path="", model_name=name, is_baseline=name == BASELINE, include_default_metrics=False
        )
        for name in (CANDIDATE, BASELINE)
    ]
    with beam.Pipeline(RUNNER) as pipeline:
        _ = (
            pipeline
            | beam.Create(in_batches_and_slices(table, size=70))
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=models,
                eval_config=eval_config(config),
                extractors=[stage],
                output_path=str(folder),
            )
        )
    return EvaluationResult.read(str(folder))


def expected_gain(table: pd.DataFrame, task: str, metric: str, confidence: float) -> tuple[float, float]:
    """The interval of the gain by the function that compares runs; ends of a two-sided interval have half its tails."""
    sides = [table.assign(**{f"prediction/{task}": table[f"{model}/{task}"]}) for model in (BASELINE, CANDIDATE)]
    found = user_bootstrap(*sides, task=task, metric=metric, replicates=1000, confidence=2 * confidence - 1)
    return (-found.high, -found.low) if METRICS[metric].better == "lower" else (found.low, found.high)


def test_all_slices_of_both_models_are_measured_as_evaluate_predictions_does(
    pipeline_config: Callable[..., RunConfig], tmp_path: Path
) -> None:
    thresholds = {
        "click": {"auc": {"min_gain": 0.01, "confidence": 0.8}, "log_loss": {"min_gain": 5}, "ndcg@3": {"min_gain": -1}}
    }
    config, table = pipeline_config(thresholds=thresholds), made_up_rows(rows=900, seed=3)
    found = evaluated(config, table, tmp_path)
    assert {part.part for part in found.slices["scenario"]} == set(SCENARIOS)
    for model, of in ((CANDIDATE, "candidate"), (BASELINE, "baseline")):
        expected = expected_metrics(table, config, model)
        parts = [
            (found.everything, expected),
            *((part, expected["scenarios"][part.part]) for part in found.slices["scenario"]),
        ]
        for part, values in parts:
            assert part.candidates == values["rows"]
            assert part.rows["watch_time"] < part.rows["click"] == values["rows"]
            for task in config.model.tasks:
                measured = {metric: getattr(value, of) for metric, value in part.metrics[task].items()}
                assert measured == pytest.approx(values[task], rel=1e-9, abs=1e-12)
    assert not found.blessed
    (failure,) = found.failures
    assert failure.startswith("click: log_loss is 0.") and failure.endswith("min_gain is 5")
    intervals = {("click", "auc"): 0.8, ("watch_time", "concordance"): 0.95}
    intervals |= {("click", metric): 0.95 for metric in ("log_loss", "ndcg@3")}
    feed = next(part for part in found.slices["scenario"] if part.part == "feed")
    for part, rows in ((found.everything, table), (feed, table[table["scenario"] == "feed"])):
        for task, metrics in part.metrics.items():
            for metric, measured in metrics.items():
                if (task, metric) not in intervals:
                    assert measured.interval is None
                    continue
                confidence = intervals[task, metric]
                ends = (measured.interval.low, measured.interval.high)
                assert ends == pytest.approx(expected_gain(rows, task, metric, confidence), rel=1e-9)
                assert measured.interval.confidence == confidence


@pytest.mark.parametrize("metric", ["auc", "log_loss"])
def test_the_same_gain_is_enough_with_less_confidence_and_not_with_more(
    pipeline_config: Callable[..., RunConfig], tmp_path: Path, metric: str
) -> None:
    table = made_up_rows(rows=300, seed=4)
    unsure, sure = (expected_gain(table, "click", metric, confidence)[0] for confidence in (0.6, 0.99))
    assert sure < unsure
    for confidence, blessed in ((0.6, True), (0.99, False)):
        threshold = {"min_gain": (sure + unsure) / 2, "confidence": confidence}
        found = evaluated(pipeline_config(thresholds={"click": {metric: threshold}}), table, tmp_path / str(confidence))
        assert found.blessed == blessed
        assert [check.met for check in found.checks] == [blessed]
    (failure,) = found.failures
    assert f"(99% sure of at least {sure:+.6g}); min_gain is " in failure


def test_a_gain_that_is_undefined_is_not_reached(pipeline_config: Callable[..., RunConfig], tmp_path: Path) -> None:
    table = made_up_rows(rows=60, seed=4).assign(**{"label/click": np.float32(1)})
    threshold = {"min_gain": -1, "confidence": 0.9}
    found = evaluated(pipeline_config(thresholds={"click": {"auc": threshold}}), table, tmp_path)
    assert not found.blessed and found.everything.metrics["click"]["auc"].interval is None
    assert found.failures == ["click: auc is undefined on the evaluated rows; min_gain is -1"]


@given(st.integers(0, 40), st.lists(st.integers(0, 40), max_size=4), st.integers(0, 3))
def test_rows_may_be_collected_in_any_parts(rows: int, cuts: list[int], seed: int) -> None:
    """Beam adds, merges and compacts as it likes; a slice may have no labelled row at all."""
    table = made_up_rows(rows=rows, seed=seed)
    metric = TaskMetric("mae")
    arguments = {"model_names": [CANDIDATE, BASELINE], "output_names": ["watch_time"]}
    collected, *measures = metric.computations(**arguments)
    combiner = collected.combiner
    accumulators = []
    for part in np.split(np.arange(rows), sorted(min(cut, rows) for cut in cuts)):
        accumulator = combiner.add_input(combiner.create_accumulator(), extracts_of(table.iloc[part], ()))
        accumulators.append(combiner.compact(accumulator) if len(part) % 2 else accumulator)
    whole = combiner.extract_output(combiner.merge_accumulators(accumulators))
    known = table[table["label/watch_time"].notna()]
    for measure, model in zip(measures, arguments["model_names"], strict=True):
        (value,) = measure.result(whole).values()
        error = np.abs(known["label/watch_time"].astype(float) - known[f"{model}/watch_time"].astype(float)).mean()
        assert value == pytest.approx(error, nan_ok=True)
