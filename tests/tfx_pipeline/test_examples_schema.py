"""The curated TFMD schemas go with their data sets, let real records pass and name what is wrong with spoiled ones."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import small_records
import tensorflow as tf
import tensorflow_data_validation as tfdv
from daily_world import ROOT, write_config, write_records, write_world
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfgrec.config import load_run_config, load_tables_config
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.errors import SchemaError
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import GraphSchema
from tfx_pipeline import examples_schema
from tfx_pipeline.examples_schema import check_schema, draft_schema, write_schema
from tfx_pipeline.record_columns import record_columns

CONFIGS = ("demo", "kuairand", "kuairec", "movielens")
Features = dict[str, tf.train.Feature]
_KINDS = {"int64": "int64_list", "float32": "float_list", "string": "bytes_list"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of a small world, with all edge sets that configs/demo.yaml samples."""
    folder = tmp_path_factory.mktemp("run")
    return write_records(write_world(folder / "world"), folder, write_config(folder))


@pytest.fixture(scope="module")
def examples(run: Path) -> ExamplesDirectory:
    return ExamplesDirectory.open(run / "examples")


@pytest.fixture(scope="module")
def records(examples: ExamplesDirectory) -> list[bytes]:
    files = [file for split in examples.splits.values() for file in split.files]
    return [record.numpy() for record in tf.data.TFRecordDataset(files)]


def of_config(name: str) -> tuple[GraphSchema, str, Path]:
    """The schema of a configuration's records, the curated schema of its data set, and where that one is."""
    config = load_run_config(ROOT / "configs" / f"{name}.yaml")
    path = Path(config.schema_dir) / "examples.pbtxt"
    schema = read_graph_schema(f"{config.schema_dir}/graph.pbtxt", load_tables_config(config.schema_dir))
    return record_schema(schema, config.sampling), path.read_text(), path


def parse(text: str) -> schema_pb2.Schema:
    return text_format.Parse(text, schema_pb2.Schema())


def statistics_of(records: list[bytes], folder: Path) -> statistics_pb2.DatasetFeatureStatisticsList:
    with tf.io.TFRecordWriter(str(folder / "records.tfrecord")) as writer:
        for record in records:
            writer.write(record)
    return tfdv.generate_statistics_from_tfrecord(str(folder / "records.tfrecord"))


def anomalies(schema: schema_pb2.Schema, records: list[bytes], folder: Path) -> dict[str, str]:
    """Column -> what is said to be wrong with it, as ExampleValidator does: in no environment."""
    found = tfdv.validate_statistics(statistics_of(records, folder), schema)
    return {".".join(info.path.step) or name: info.description for name, info in found.anomaly_info.items()}


def test_columns_are_those_of_records(examples: ExamplesDirectory, records: list[bytes]) -> None:
    columns = {column.name: column for column in record_columns(examples.schema)}
    for record in records[:50]:
        features = tf.train.Example.FromString(record).features.feature
        assert set(features) == set(columns)
        for name, feature in features.items():
            values = getattr(feature, _KINDS[columns[name].dtype]).value
            assert feature.WhichOneof("kind") in (_KINDS[columns[name].dtype], None)
            if columns[name].one_each:
                assert len(values) == 1
            if columns[name].is_of_candidates:
                assert len(values) == features["nodes/_readout.#size"].int64_list.value[0]


def test_histories_have_columns_like_other_node_sets(tmp_path: Path) -> None:
    store = small_records.write_store(tmp_path / "graph")
    records, _ = small_records.make_records(store, num_requests=10, seed=1)
    schema = record_schema(small_records.SCHEMA, small_records.SAMPLING)
    names = {column.name for column in record_columns(schema)}
    assert {"nodes/history/watched.#size", "nodes/history/watched.time", "nodes/history/watched.tags.d1"} < names
    assert all(set(tf.train.Example.FromString(record).features.feature) == names for record in records)


class TestCuratedSchemas:
    @pytest.mark.parametrize("config", CONFIGS)
    def test_have_the_columns_that_the_configuration_samples(self, config: str) -> None:
        columns, text, path = of_config(config)
        check_schema(text, str(path), columns)
        features = {feature.name: feature for feature in parse(text).feature}
        assert len(features) == len(parse(text).feature) == len(record_columns(columns))
        assert all(feature.presence.min_fraction == 1 for feature in features.values())

    @pytest.mark.parametrize("config", CONFIGS)
    def test_expect_labels_in_training_alone(self, config: str) -> None:
        _, text, path = of_config(config)
        labels = {f"nodes/_readout.{name}" for name in load_tables_config(path.parent).requests.labels}
        assert set(parse(text).default_environment) == {"TRAINING", "SERVING"}
        assert labels == {feature.name for feature in parse(text).feature if "SERVING" in feature.not_in_environment}

    @pytest.mark.parametrize("config", CONFIGS)
    def test_take_no_label_but_zero_and_one_for_a_binary_task(self, config: str) -> None:
        _, text, _ = of_config(config)
        tasks = load_run_config(ROOT / "configs" / f"{config}.yaml").model.tasks.values()
        features = {feature.name: feature.float_domain for feature in parse(text).feature}
        for task in tasks:
            domain = features[f"nodes/_readout.{task.label}"]
            assert domain.disallow_nan and domain.HasField("min") and domain.min == 0
            if task.kind == "binary":
                assert domain.HasField("max") and domain.max == 1


def _set(name: str, value: float | bytes, at: int = 0) -> Callable[[Features], None]:
    def spoil(features: Features) -> None:
        kind = features[name].WhichOneof("kind")
        getattr(features[name], kind).value[at] = value

    return spoil


def _drop(name: str) -> Callable[[Features], None]:
    def spoil(features: Features) -> None:
        del features[name]

    return spoil


def _retype(name: str) -> Callable[[Features], None]:
    def spoil(features: Features) -> None:
        values = [str(value).encode() for value in features[name].float_list.value]
        features[name].CopyFrom(tf.train.Feature(bytes_list=tf.train.BytesList(value=values)))

    return spoil


def _invent(features: Features) -> None:
    features["nodes/_readout.mood"].float_list.value.append(1.0)


CLICK, SHOWN = "nodes/_readout.is_click", "nodes/_readout.user_shown"


# Column -> what is done to it in one record, and what (a pattern) has to be said of the column.
NOW_AND_THEN = {
    CLICK: (_set(CLICK, 2.0), "high value.* 2"),
    "nodes/_readout.is_like": (_set("nodes/_readout.is_like", -1.0), "low value.* -1"),
    "nodes/_readout.long_view": (_set("nodes/_readout.long_view", float("nan")), "NaN"),
    "nodes/_readout.watch_time_ms": (_set("nodes/_readout.watch_time_ms", float("inf")), "Inf"),
    SHOWN: (_set(SHOWN, float("nan")), "NaN"),
    "nodes/_readout.user_liked": (_drop("nodes/_readout.user_liked"), "fewer examples than expected"),
    "nodes/_readout.mood": (_invent, "New column"),
    "context/time": (_set("context/time", 1_650_000_000), "small value.* 165"),
    "nodes/_readout.hour": (_set("nodes/_readout.hour", 24), "large value.* 24"),
    "nodes/_readout.scenario": (_set("nodes/_readout.scenario", b"elsewhere"), "elsewhere"),
}
# The same in all records.
ALWAYS = {
    CLICK: (_drop(CLICK), "completely missing"),
    SHOWN: (_drop(SHOWN), "completely missing"),
    "nodes/_readout.user_liked": (_retype("nodes/_readout.user_liked"), "FLOAT"),
    "nodes/user.device": (_set("nodes/user.device", b"abacus"), "abacus"),
}


class TestSpoiledRecords:
    def test_good_ones_pass(self, records: list[bytes], tmp_path: Path) -> None:
        assert not anomalies(parse(of_config("demo")[1]), records, tmp_path)

    @pytest.mark.parametrize(("spoils", "number"), [(NOW_AND_THEN, 1), (ALWAYS, 200)])
    def test_are_named(
        self,
        spoils: dict[str, tuple[Callable[[Features], None], str]],
        number: int,
        records: list[bytes],
        tmp_path: Path,
    ) -> None:
        spoiled = [tf.train.Example.FromString(record) for record in records[:200]]
        for spoil, _ in spoils.values():
            for example in spoiled[:number]:
                spoil(example.features.feature)
        records = [example.SerializeToString() for example in spoiled]
        found = anomalies(parse(of_config("demo")[1]), records, tmp_path)
        assert set(found) == set(spoils)
        for column, (_, complaint) in spoils.items():
            assert re.search(complaint, found[column]), column

    def test_served_ones_have_no_labels(self, records: list[bytes], tmp_path: Path) -> None:
        schema, served = parse(of_config("demo")[1]), []
        for record in records[:100]:
            example = tf.train.Example.FromString(record)
            for feature in schema.feature:
                if feature.not_in_environment:
                    del example.features.feature[feature.name]
            served.append(example.SerializeToString())
        statistics = statistics_of(served, tmp_path)
        assert not tfdv.validate_statistics(statistics, schema, environment="SERVING").anomaly_info
        labels = {f"'{feature.name}'" for feature in schema.feature if feature.not_in_environment}
        assert set(tfdv.validate_statistics(statistics, schema).anomaly_info) == labels


class TestDraft:
    def test_lets_its_own_records_pass(self, run: Path, records: list[bytes], tmp_path: Path) -> None:
        config = write_config(tmp_path)
        (tmp_path / "run.yaml").write_text((ROOT / "configs" / "demo.yaml").read_text())
        arguments = ["--config", str(tmp_path / "run.yaml"), "--examples", str(run / "examples")]
        text = (tmp_path / "run.yaml").read_text().replace("../schemas/short_video", config.schema_dir)
        (tmp_path / "run.yaml").write_text(text)
        assert examples_schema.main([*arguments, "--output", str(tmp_path / "examples.pbtxt")]) == 0
        schema = parse((tmp_path / "examples.pbtxt").read_text())
        assert not anomalies(schema, records, tmp_path)

    def test_labels_that_are_missing_now_and_then_may_be(self, examples: ExamplesDirectory) -> None:
        tables = load_tables_config(ROOT / "schemas" / "short_video")
        candidates = examples.split("train").num_candidates
        always, sometimes = (
            {
                feature.name: feature.float_domain.disallow_nan
                for feature in draft_schema(examples.schema, tables, examples.statistics, count).feature
            }
            for count in (candidates, candidates + 1)
        )
        assert always[CLICK] and not sometimes[CLICK]
        assert always[SHOWN] and sometimes[SHOWN]

    def test_is_one_line_a_column_and_reads_back(self, examples: ExamplesDirectory) -> None:
        tables = load_tables_config(ROOT / "schemas" / "short_video")
        schema = draft_schema(examples.schema, tables, examples.statistics, examples.split("train").num_candidates)
        text = write_schema(schema, "short_video")
        assert parse(text) == schema
        assert text.count("\nfeature {") == len(schema.feature)
        check_schema(text, "draft", examples.schema)


class TestCheck:
    @pytest.fixture()
    def columns(self) -> GraphSchema:
        return of_config("demo")[0]

    def complaint(self, text: str, columns: GraphSchema) -> str:
        with pytest.raises(SchemaError) as raised:
            check_schema(text, "examples.pbtxt", columns)
        return str(raised.value)

    def test_columns_that_are_not_sampled(self, columns: GraphSchema) -> None:
        text = of_config("demo")[1] + 'feature { name: "edges/shown.#size" type: INT }'
        told = self.complaint(text, columns)
        assert told.startswith("examples.pbtxt: has, and records will lack, edges/shown.#size: it has to go with")
        assert "sampling.hops" in told

    def test_columns_that_are_missing(self, columns: GraphSchema) -> None:
        lines = [line for line in of_config("demo")[1].splitlines() if '"edges/follows.' not in line]
        told = self.complaint("\n".join(lines), columns)
        names = ("#size", "#source", "#target", "time")
        assert f"examples.pbtxt: lacks {', '.join(f'edges/follows.{name}' for name in names)}:" in told

    def test_many_are_not_all_told(self, columns: GraphSchema) -> None:
        told = self.complaint("", columns)
        assert f"and {len(record_columns(columns)) - 5} more" in told and len(told) < 600

    def test_another_type(self, columns: GraphSchema) -> None:
        text = of_config("demo")[1].replace(
            '"nodes/_readout.hour" value_count { min: 1 } type: INT', '"nodes/_readout.hour" type: FLOAT'
        )
        assert "has nodes/_readout.hour as FLOAT, not INT" in self.complaint(text, columns)

    def test_what_is_no_schema(self, columns: GraphSchema) -> None:
        assert self.complaint("feature { nam: 1 }", columns).startswith("examples.pbtxt: 1:")
