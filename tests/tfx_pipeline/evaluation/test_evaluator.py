"""TFX's Evaluator on exported models and real records: its numbers, its blessing, and the page made of them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import small_records
import tensorflow as tf
from google.protobuf import json_format
from tfx.components.evaluator.executor import Executor as EvaluatorExecutor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact
from tfx.types.artifact_utils import encode_split_names
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing, ModelEvaluation, ModelRun

from tfgrec.config import RunConfig
from tfgrec.config.model import TaskConfig
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.prediction_rows import PredictionRows
from tfgrec.errors import InputDataError
from tfgrec.files import read_json, write_json
from tfgrec.metrics import evaluate_predictions
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.exported.export import export_model, load_scoring_function
from tfgrec.serving.exported.saved_model import EXTRA_ASSETS
from tfgrec.training.run_model import RunModel
from tfx_pipeline.artifacts import HtmlPages
from tfx_pipeline.beam_options import DIRECT_RUNNER, without_package
from tfx_pipeline.evaluation.eval_config import eval_config
from tfx_pipeline.evaluation.results import EvaluationResult, blessing_failures
from tfx_pipeline.reports.model_report import Executor as ModelReportExecutor

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., RunConfig]
SLICES = {"activity": {"feature": "user_watched", "boundaries": [10, 20]}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    return RunDirectory.at(small_records.write_small_run(folder, validation_requests=120))


@pytest.fixture(scope="module")
def model(run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(run, run.read_config(), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def older_model(run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With other weights, and without the task watch_time."""
    config = run.read_config(["training.seed=5"])
    tasks = {"click": config.model.tasks["click"]}
    config = config.model_copy(update={"model": config.model.model_copy(update={"tasks": tasks})})
    return exported(run, config, tmp_path_factory.mktemp("older_model"))


def exported(run: RunDirectory, config: RunConfig, folder: Path) -> Path:
    """A model artifact of TFX with an untrained model."""
    built = RunModel(config, run)
    tasks = {name: task.model_dump(mode="json") for name, task in config.model.tasks.items()}
    version = export_model(
        built.model,
        schema=built.serving_schema,
        folder=folder / "versions",
        sample=built.sample("validation"),
        extra={"tasks": tasks, "schema": built.serving_schema.to_json()},
    )
    shutil.copytree(version, folder / "Format-Serving")
    return folder


@pytest.fixture
def evaluate(run: RunDirectory, tmp_path: Path) -> Callable[..., dict[str, Artifact]]:
    """Runs the Evaluator on the validation split; returns its artifacts."""
    splits = tmp_path / "examples"
    shutil.copytree(run.examples / "validation", splits / "Split-eval")
    examples = artifact(Examples, splits)
    examples.split_names = encode_split_names(["eval"])
    examples.set_string_custom_property("file_format", "tfrecord")
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")

    def run_evaluator(config: RunConfig, model: Path, baseline: Path | None = None) -> dict[str, Artifact]:
        inputs = {"examples": [examples], "model": [artifact(Model, model)]}
        if baseline is not None:
            inputs["baseline_model"] = [artifact(Model, baseline)]
        outputs = {
            "evaluation": artifact(ModelEvaluation, tmp_path / "evaluation"),
            "blessing": artifact(ModelBlessing, tmp_path / "blessing"),
        }
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=without_package([f"--runner={DIRECT_RUNNER}"]), tmp_dir=str(tmp_path), unique_id="1"
        )
        properties = {
            "eval_config": json_format.MessageToJson(eval_config(config), preserving_proto_field_name=True),
            "module_path": "tfx_pipeline.evaluation.module",
            "example_splits": '["eval"]',
        }
        EvaluatorExecutor(context).Do(inputs, {key: [value] for key, value in outputs.items()}, properties)
        return outputs

    return run_evaluator


def artifact(kind: type[Artifact], path: Path) -> Artifact:
    path.mkdir(exist_ok=True)
    result = kind()
    result.uri = str(path)
    return result


@pytest.fixture(scope="module")
def labelled(run: RunDirectory) -> tuple[list[bytes], pd.DataFrame]:
    """The validation split's records, and their candidates without predictions."""
    examples = ExamplesDirectory.open(run.examples)
    records = list(tf.data.TFRecordDataset(list(examples.split("validation").files)).as_numpy_iterator())
    labels = {"label/click": "click", "label/watch_time": "watch_ms"}
    return records, PredictionRows(examples.schema, labels=labels, scenario="scenario").read(tf.constant(records))


def expected_metrics(labelled: tuple[list[bytes], pd.DataFrame], model: Path, tasks: dict[str, TaskConfig]) -> dict:
    records, rows = labelled
    scores = load_scoring_function(model / "Format-Serving")(tf.constant(records))
    predictions = rows.assign(**{f"prediction/{task}": scores[task].numpy() for task in tasks})
    return evaluate_predictions(predictions, tasks=tasks, scenario="scenario", min_scenario_rows=1)


def test_a_first_model_is_measured_as_a_run_measures_it(
    labelled: tuple[list[bytes], pd.DataFrame], model: Path, evaluate: Callable, pipeline_config: MakeConfig
) -> None:
    thresholds = {"click": {"auc": {"min_gain": 0}, "log_loss": {"min_gain": 0, "confidence": 0.9}}}
    config = pipeline_config(slices=SLICES, thresholds=thresholds)
    outputs = evaluate(config, model)
    assert os.listdir(outputs["blessing"].uri) == ["BLESSED"]
    assert blessing_failures(outputs["evaluation"].uri) == []

    found, expected = (
        EvaluationResult.read(outputs["evaluation"].uri),
        expected_metrics(labelled, model, config.model.tasks),
    )
    assert found.compared == [] and found.checks == []
    parts = {(): found.everything} | {(part.part,): part for part in found.slices["scenario"]}
    for key, part in parts.items():
        values = expected["scenarios"][key[0]] if key else expected
        assert part.candidates == values["rows"]
        for task in config.model.tasks:
            measured = {metric: value.candidate for metric, value in part.metrics[task].items()}
            assert measured == pytest.approx(values[task], rel=1e-6)
    activity = found.slices["activity"]
    assert [part.part for part in activity] == ["< 10", "10 to 20", ">= 20"]
    assert sum(part.candidates for part in activity) == expected["rows"]


def test_a_model_is_compared_with_an_older_one_on_what_both_predict(
    labelled: tuple[list[bytes], pd.DataFrame],
    model: Path,
    older_model: Path,
    evaluate: Callable,
    pipeline_config: MakeConfig,
    tmp_path: Path,
) -> None:
    thresholds = {
        "click": {"auc": {"at_least": 0.99, "min_gain": 2, "confidence": 0.9}, "log_loss": {"min_gain": -100}},
        "watch_time": {"concordance": {"min_gain": 2}, "mae": {"min_gain": 2, "confidence": 0.9}},
    }
    config = pipeline_config(slices=SLICES, thresholds=thresholds)
    outputs = evaluate(config, model, older_model)
    assert os.listdir(outputs["blessing"].uri) == ["NOT_BLESSED"]

    found = EvaluationResult.read(outputs["evaluation"].uri)
    of_click = {"click": config.model.tasks["click"]}
    old, new = (expected_metrics(labelled, path, of_click)["click"] for path in (older_model, model))
    assert old["auc"] != pytest.approx(new["auc"], rel=1e-3)
    measured = found.everything.metrics["click"]
    assert {name: value.baseline for name, value in measured.items()} == pytest.approx(old, rel=1e-6)
    assert {name: value.candidate for name, value in measured.items()} == pytest.approx(new, rel=1e-6)
    assert found.compared == ["click"]
    assert found.everything.metrics["watch_time"]["mae"].baseline is None
    assert [failure.split("; ")[1] for failure in found.failures] == ["at_least is 0.99", "min_gain is 2"]
    interval = measured["auc"].interval
    assert interval.low < measured["auc"].difference < interval.high and interval.confidence == 0.9
    assert f"(90% sure of at least {interval.low:+.6g})" in found.failures[1]
    assert {name for name, value in measured.items() if value.interval} == {"auc", "log_loss"}
    assert not any(value.interval for value in found.everything.metrics["watch_time"].values())

    pages = artifact(HtmlPages, tmp_path / "pages")
    inputs = {**outputs, "model_run": artifact(ModelRun, tmp_path / "model_run")}
    (tmp_path / "model_run" / "report.html").write_text("the training's own report")
    ModelReportExecutor().Do({key: [value] for key, value in inputs.items()}, {"pages": [pages]}, {})
    page = (tmp_path / "pages" / "evaluation.html").read_text(encoding="utf-8")
    assert "Not blessed" in page and found.failures[0] in page
    assert f"compared with {older_model}, but not on watch_time" in page
    assert (tmp_path / "pages" / "report.html").read_text() == "the training's own report"


def test_an_older_model_that_reads_other_records_is_left_out(
    model: Path, evaluate: Callable, pipeline_config: MakeConfig, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    shutil.copytree(model, stranger)
    described = read_json(stranger / "Format-Serving" / EXTRA_ASSETS)
    described["schema"]["node_sets"]["user"]["features"]["height"] = {"dtype": "float32", "multi_valued": False}
    write_json(stranger / "Format-Serving" / EXTRA_ASSETS, described)
    outputs = evaluate(pipeline_config(thresholds={"click": {"auc": {"min_gain": 2}}}), model, stranger)
    found = EvaluationResult.read(outputs["evaluation"].uri)
    assert found.blessed and found.compared == []


def test_records_without_a_feature_stop_the_run_with_its_name(
    model: Path, evaluate: Callable, pipeline_config: MakeConfig
) -> None:
    config = pipeline_config(slices={"place": {"feature": "place"}})
    with pytest.raises(InputDataError, match=r"examples: no feature 'nodes/_readout\.place'"):
        evaluate(config, model)
