"""Records of the small graph, spoiled or not, and the validators run on their statistics, without a pipeline."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
from google.protobuf import text_format
from small_records import SAMPLING, SCHEMA, TABLES, write_examples, write_store
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tfx.components.example_validator.executor import Executor as ExampleExecutor
from tfx.types import Artifact, standard_artifacts
from tfx.utils import json_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfgrec.config import TablesConfig
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import TIME
from tfx_pipeline.artifacts import HtmlPages
from tfx_pipeline.data_validation.distances import validator_config
from tfx_pipeline.data_validation.distribution_validator import Executor as DistributionExecutor
from tfx_pipeline.data_validation.serving_validator import Executor as ServingExecutor
from tfx_pipeline.data_validation.statistics import statistics_options
from tfx_pipeline.examples_schema import draft_schema
from tfx_pipeline.reports.data_report import Executor as ReportExecutor

RECORDS = record_schema(SCHEMA, SAMPLING)
CLICK, WATCH_TIME, HOUR, SCENARIO = (f"nodes/_readout.{name}" for name in ("click", "watch_ms", "hour", "scenario"))
DAYS = "9, trained on 6 to 8"
AGE_GROUP = "nodes/user.age_group"
# Enough to show everything with, and few: TFDV takes seconds for all.
COLUMNS = [
    CLICK,
    WATCH_TIME,
    HOUR,
    SCENARIO,
    AGE_GROUP,
    "nodes/user.activity",
    "nodes/video.tags",
    "edges/watched.#size",
]
# Of a few hundred requests.
ALLOWED = {"_readout": {"click": 0.1, "hour": 0.3, "scenario": 0.2}, "watched": {"#size": 0.3}}

# By a batch's id; keeps the batch, so that no other one gets its id.
_SEEN: dict[int, tuple[pa.RecordBatch, bytes]] = {}

Change = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class CleanExamples:
    """An examples directory and the schema that it fits; beside, some columns of both splits in memory and theirs."""

    path: Path
    graph: Path
    whole_schema: Schema
    train: pa.RecordBatch
    eval: pa.RecordBatch
    schema: Schema


def make_clean_examples(folder: Path) -> CleanExamples:
    """Samples records of the small graph."""
    path, graph = folder / "examples", folder / "graph"
    write_examples(path, write_store(graph), {"train": 600, "validation": 300})
    directory = ExamplesDirectory.open(path)
    splits = {name: directory.split(name) for name in ("train", "validation")}
    tables, num_candidates = TablesConfig.model_validate(TABLES), splits["train"].num_candidates
    schema = draft_schema(directory.schema, tables, directory.statistics, num_candidates)
    for feature in schema.feature:
        # The times of this graph are small numbers, not milliseconds since 1970.
        if feature.name.endswith(TIME):
            feature.ClearField("int_domain")
    batches = [_with_columns(read_batch(splits[name].files), COLUMNS) for name in ("train", "validation")]
    kept = Schema(feature=[feature for feature in schema.feature if feature.name in COLUMNS])
    kept.default_environment.extend(schema.default_environment)
    return CleanExamples(path, graph, schema, *batches, kept)


def read_batch(files: tuple[str, ...]) -> pa.RecordBatch:
    """All records of some files, in columns as StatisticsGen sees them."""
    return decoded([record.numpy() for record in tf.data.TFRecordDataset(list(files))])


def decoded(records: list[bytes]) -> pa.RecordBatch:
    """tf.Examples in columns."""
    return ExamplesToRecordBatchDecoder().DecodeBatch(records)


def changed(batch: pa.RecordBatch, column: str, change: Change) -> pa.RecordBatch:
    """The records with other values in a column of numbers."""
    index = batch.schema.get_field_index(column)
    old = batch.column(index)
    values = old.flatten().to_numpy(zero_copy_only=False)
    new = pa.array(change(values).astype(values.dtype))
    columns = [*batch.columns]
    columns[index] = type(old).from_arrays(old.offsets, new)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def without(batch: pa.RecordBatch, *columns: str) -> pa.RecordBatch:
    """The records without some columns."""
    return _with_columns(batch, [name for name in batch.schema.names if name not in columns])


def _with_columns(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([batch.column(batch.schema.get_field_index(name)) for name in names], names=names)


def statistics_of(batch: pa.RecordBatch) -> bytes:
    """Statistics of a batch, made once for each."""
    if id(batch) not in _SEEN:
        _SEEN[id(batch)] = batch, generate_statistics_in_memory(batch, statistics_options()).SerializeToString()
    return _SEEN[id(batch)][1]


class Validators:
    """Runs the executors one after the other on artifacts below `folder`."""

    def __init__(self, folder: Path, schema: Schema) -> None:
        self.folder = folder
        self.schema = self._artifact(standard_artifacts.Schema, "schema")
        (Path(self.schema.uri) / "schema.pbtxt").write_text(text_format.MessageToString(schema))

    def inputs(self, splits: Mapping[str, pa.RecordBatch], allowed: Mapping = ALLOWED) -> dict[str, list[Artifact]]:
        """What DataReport and DataGate are given of the splits `train` and `eval`."""
        statistics = self.statistics("statistics", splits)
        anomalies = self._artifact(standard_artifacts.ExampleAnomalies, "anomalies")
        ExampleExecutor().Do(
            {"statistics": [statistics], "schema": [self.schema]}, {"anomalies": [anomalies]}, {"exclude_splits": "[]"}
        )
        drift = self.compared("drift", statistics, statistics, ("eval", "train"), allowed)
        return {"statistics": [statistics], "schema": [self.schema], "anomalies": [anomalies], "drift": [drift]}

    def serving_inputs(
        self, statistics: Artifact, served: pa.RecordBatch, allowed: Mapping
    ) -> dict[str, list[Artifact]]:
        """What they are given besides, of serving examples."""
        serving = self.statistics("serving_statistics", {"serving": served})
        anomalies = self._artifact(standard_artifacts.ExampleAnomalies, "serving_anomalies")
        ServingExecutor().Do({"statistics": [serving], "schema": [self.schema]}, {"anomalies": [anomalies]}, {})
        skew = self.compared("skew", serving, statistics, ("serving", "train"), allowed)
        return {"serving_statistics": [serving], "serving_anomalies": [anomalies], "skew": [skew]}

    def statistics(self, name: str, splits: Mapping[str, pa.RecordBatch]) -> Artifact:
        """As StatisticsGen lays them out."""
        artifact = self._artifact(standard_artifacts.ExampleStatistics, name)
        artifact.split_names, artifact.span = json_utils.dumps(list(splits)), 7
        for split, batch in splits.items():
            folder = Path(artifact.uri) / f"Split-{split}"
            folder.mkdir()
            (folder / "FeatureStats.pb").write_bytes(statistics_of(batch))
        return artifact

    def compared(
        self, name: str, statistics: Artifact, baseline: Artifact, pair: tuple[str, str], allowed: Mapping
    ) -> Artifact:
        """What DistributionValidator finds."""
        artifact = self._artifact(standard_artifacts.ExampleAnomalies, name)
        properties = {
            "include_split_pairs": json_utils.dumps([pair]),
            "distribution_validator_config": validator_config(f"pipeline.{name}", allowed, RECORDS),
        }
        DistributionExecutor().Do(
            {"statistics": [statistics], "baseline_statistics": [baseline]}, {"anomalies": [artifact]}, properties
        )
        return artifact

    def pages(self, inputs: dict[str, list[Artifact]]) -> Artifact:
        """What DataReport draws."""
        pages = self._artifact(HtmlPages, "pages")
        ReportExecutor().Do(inputs, {"pages": [pages]}, {"days": DAYS})
        return pages

    def _artifact(self, kind: type[Artifact], name: str) -> Artifact:
        artifact = kind()
        artifact.uri = str(self.folder / name)
        (self.folder / name).mkdir(parents=True)
        return artifact
