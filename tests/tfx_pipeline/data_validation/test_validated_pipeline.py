"""The validators under TFX's local runner, on whole records: StatisticsGen writes what they read."""

import shutil
from pathlib import Path
from unittest import mock

import pytest
import tensorflow as tf
from google.protobuf import text_format
from small_records import SAMPLING, TABLES, write_records
from tfx.components import ExampleValidator, ImportExampleGen, StatisticsGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from validated_examples import AGE_GROUP, ALLOWED, CLICK, RECORDS, CleanExamples

from tfgrec.config.tables import Requests
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfx_pipeline.data_validation.data_gate import AnomalyError, DataGate
from tfx_pipeline.data_validation.distances import validator_config
from tfx_pipeline.data_validation.distribution_validator import DistributionValidator
from tfx_pipeline.data_validation.serving_validator import ServingValidator
from tfx_pipeline.data_validation.statistics import statistics_options
from tfx_pipeline.local.run_record import RunRecord, read_newest_run
from tfx_pipeline.reports.data_report import DataReport

pytestmark = pytest.mark.slow

FEATURES = {"scenario": "feed", "hour": 12}
SPLITS = example_gen_pb2.Input(
    splits=[
        example_gen_pb2.Input.Split(name="train", pattern="train/*"),
        example_gen_pb2.Input.Split(name="eval", pattern="validation/*"),
    ]
)
SERVING = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="serving", pattern="*")])
# Without this, ExampleGen cuts a single input in two.
ONE_SPLIT = example_gen_pb2.Output(
    split_config=example_gen_pb2.SplitConfig(splits=[example_gen_pb2.SplitConfig.Split(name="serving", hash_buckets=1)])
)


class App:
    """A folder with examples to learn from, those that are served, a schema, and pipelines that ran on them."""

    def __init__(self, folder: Path, clean: CleanExamples) -> None:
        self._folder, self.examples = folder, folder / "examples"
        for split in ("train", "validation"):
            shutil.copytree(clean.path / split, self.examples / split)
        (folder / "served").mkdir(parents=True)
        write_records(folder / "served" / "part-0.tfrecord", serve(clean.graph))
        (folder / "examples.pbtxt").write_text(text_format.MessageToString(clean.whole_schema))

    def run(self) -> RunRecord:
        """Runs the pipeline; what is in ML Metadata after it, also if it failed, is in `record`."""
        metadata = self._folder / "metadata.sqlite"
        pipeline = Pipeline(
            pipeline_name="validation",
            pipeline_root=str(self._folder / "artifacts"),
            components=self._components(),
            enable_cache=True,
            metadata_connection_config=sqlite_metadata_connection_config(str(metadata)),
        )
        try:
            LocalDagRunner().run(pipeline)
        finally:
            self.record = read_newest_run(metadata)
        return self.record

    def _components(self) -> list[BaseNode]:
        examples = ImportExampleGen(input_base=str(self.examples), input_config=SPLITS)
        served = ImportExampleGen(
            input_base=str(self._folder / "served"), input_config=SERVING, output_config=ONE_SPLIT
        ).with_id("Served")
        statistics, of_served = (
            StatisticsGen(examples=one.outputs["examples"], stats_options=statistics_options()).with_id(name)
            for name, one in {"StatisticsGen": examples, "ServedStatistics": served}.items()
        )
        schema = ImportSchemaGen(schema_file=str(self._folder / "examples.pbtxt"))
        seen = {"statistics": statistics.outputs["statistics"], "schema": schema.outputs["schema"]}
        serving = of_served.outputs["statistics"]
        validators = {
            "anomalies": ExampleValidator(**seen),
            "drift": compared("drift", seen["statistics"], seen["statistics"], ("eval", "train"), ALLOWED),
            "skew": compared("skew", serving, seen["statistics"], ("serving", "train"), {"user": {"age_group": 0.3}}),
            "serving_anomalies": ServingValidator(statistics=serving, schema=seen["schema"]),
        }
        found = {key: validator.outputs["anomalies"] for key, validator in validators.items()}
        report = DataReport(days="9, trained on 6 to 8", **seen, **found, serving_statistics=serving)
        gate = DataGate(**found, pages=report.outputs["pages"])
        return [examples, served, statistics, of_served, schema, *validators.values(), report, gate]


def compared(name: str, statistics, baseline, pair: tuple[str, str], bounds: dict) -> BaseNode:
    return DistributionValidator(
        statistics=statistics,
        baseline_statistics=baseline,
        include_split_pairs=[pair],
        config=validator_config(f"pipeline.{name}", bounds, RECORDS),
    ).with_id(name)


def serve(graph: Path) -> list[bytes]:
    """Requests as a service answers them: the users and the times of the records, and no labels."""
    service = ExampleService.open(graph, sampling=SAMPLING, requests=Requests.model_validate(TABLES["requests"]))
    requests = [
        OnlineRequest(user=100 + number % 40, time=500 + 3 * number, items=[500 + number % 30], features=FEATURES)
        for number in range(300)
    ]
    # The small world's day is the first of January 1970, which a service takes for a mistake.
    with mock.patch("tfgrec.graph.examples.example_service.time_problem", return_value=None):
        return service.examples(requests)


def test_whole_records_pass_a_repeated_run_does_nothing_and_a_spoiled_day_is_stopped(clean, tmp_path):
    app = App(tmp_path, clean)
    first = app.run()
    assert first.failed is None and {component.state for component in first.components} == {"done"}
    assert [page.name for page in first.find("DataReport").pages] == ["anomalies.html", "statistics.html"]

    again = app.run()
    assert {component.state for component in again.components} == {"cached"}
    assert again.find("DataReport").pages == first.find("DataReport").pages

    for file in (app.examples / "validation").iterdir():
        write_records(file, [spoil(record.numpy()) for record in tf.data.TFRecordDataset(str(file))])
    with pytest.raises(AnomalyError) as error:
        app.run()
    counted, lost, shifted, last = str(error.value).splitlines()
    assert counted == "the examples have anomalies (2):"
    assert lost.startswith(f"split eval: {AGE_GROUP}: Column dropped")
    assert shifted.startswith(f"split eval: {CLICK}: drift 0.") and shifted.endswith("from split train)")
    assert Path(last.removeprefix("look at ")).exists()
    assert app.record.failed.name == "DataGate" and app.record.find("ServingValidator").state == "cached"


def spoil(record: bytes) -> bytes:
    """The record with all labels 1, without a column."""
    example = tf.train.Example.FromString(record)
    labels = example.features.feature[CLICK].float_list.value
    labels[:] = [1.0] * len(labels)
    del example.features.feature[AGE_GROUP]
    return example.SerializeToString()
