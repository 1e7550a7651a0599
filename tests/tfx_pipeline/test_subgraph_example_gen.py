"""SubgraphExampleGen's examples are those of the sampling job, laid out as TFX and tfgrec read them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pandas as pd
import pytest
import tensorflow as tf
from apache_beam.testing.util import assert_that, equal_to
from daily_world import write_config, write_records, write_world
from memory_artifacts import FILES, ROOT
from rewritten_records import rewrite_records
from tfx.components.util import examples_utils, tfxio_utils
from tfx.types.standard_artifacts import Examples

from beam_jobs.audit import RECOUNTED
from tfgrec.config import RunConfig
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.errors import InputDataError, LeakageError
from tfx_pipeline import artifacts
from tfx_pipeline.inputs.run_spec import RunSpec
from tfx_pipeline.leakage_audit.executor import Executor as AuditExecutor
from tfx_pipeline.subgraph_example_gen.executor import Executor

FOLDERS = {"train": "Split-train", "validation": "Split-eval"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    return write_config(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="module")
def jobs(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables in world/, and graph/ and examples/ as the Beam jobs write them."""
    folder = tmp_path_factory.mktemp("jobs")
    return write_records(write_world(folder / "world"), folder, config)


@pytest.fixture(scope="module")
def made(jobs: Path, config: RunConfig) -> Examples:
    return run(config, jobs / "world", jobs / "graph", jobs / "artifacts" / "examples" / "2")


def run(config: RunConfig, data: Path | str, graph_uri: Path | str, uri: Path | str, shared_dir: str = "") -> Examples:
    graph, examples = artifacts.GraphStore(), Examples()
    graph.uri, examples.uri = str(graph_uri), str(uri)
    exec_properties = {
        "spec": RunSpec.of(config, ["split", "sampling", "build", "training"]).to_json(),
        "data": str(data),
        "tables_fingerprint": "of these tables",
        "span": 17,
        "shared_dir": shared_dir,
    }
    Executor().Do({"graph": [graph]}, {"examples": [examples]}, exec_properties)
    return examples


def audit(
    config: RunConfig, examples: Examples, uri: Path | str, graph_uri: Path | str | None
) -> artifacts.LeakageReport:
    report, graph = artifacts.LeakageReport(), artifacts.GraphStore()
    report.uri, graph.uri = str(uri), str(graph_uri)
    inputs = {"examples": [examples], **({} if graph_uri is None else {"graph": [graph]})}
    exec_properties = {"spec": RunSpec.of(config, []).to_json(), "shared_dir": ""}
    AuditExecutor().Do(inputs, {"report": [report]}, exec_properties)
    return report


def copied(examples: Examples, folder: Path) -> Examples:
    copies = Examples()
    copies.uri = str(shutil.copytree(examples.uri, folder))
    return copies


def records_in(folder: Path) -> list[bytes]:
    files = sorted(str(path) for path in folder.iterdir())
    return [record.numpy() for record in tf.data.TFRecordDataset(files)]


def test_the_records_are_those_of_the_job(made: Examples, jobs: Path) -> None:
    job, ours = ExamplesDirectory.open(jobs / "examples"), ExamplesDirectory.open(made.uri)
    assert (ours.schema, ours.statistics, ours.sizes) == (job.schema, job.statistics, job.sizes)
    for name, split in ours.splits.items():
        assert {Path(file).parent for file in split.files} == {Path(made.uri) / FOLDERS[name]}
        for file, same in zip(split.files, job.split(name).files, strict=True):
            assert Path(file).read_bytes() == Path(same).read_bytes()


def test_nothing_but_records_is_in_the_splits(made: Examples) -> None:
    assert {path.name for path in Path(made.uri).iterdir()} == {*FOLDERS.values(), "manifest.json"}
    for folder in FOLDERS.values():
        assert {path.suffix for path in (Path(made.uri) / folder).iterdir()} == {".tfrecord"}


def test_the_artifact_says_what_an_example_gen_says(made: Examples) -> None:
    assert made.splits == ["train", "eval"] and made.span == 17
    assert made.get_int_custom_property("span") == 17
    assert made.get_string_custom_property("input_fingerprint") == "of these tables"
    assert examples_utils.get_payload_format_string(made) == "FORMAT_TF_EXAMPLE"
    splits = ExamplesDirectory.open(made.uri).splits
    for name, of_tfx in (("train", "train"), ("validation", "eval")):
        assert made.get_int_custom_property(f"requests_{of_tfx}") == splits[name].num_requests
        assert made.get_int_custom_property(f"candidates_{of_tfx}") == splits[name].num_candidates


@pytest.mark.parametrize("split", ["train", "eval"])
def test_components_of_tfx_read_all_records(split: str, made: Examples) -> None:
    reader = tfxio_utils.get_tfxio_factory_from_artifact(
        [made], ["test"], read_as_raw_records=True, raw_record_column_name="raw"
    )(f"{made.uri}/Split-{split}/*")
    expected = records_in(Path(made.uri) / f"Split-{split}")
    assert len(expected) > 50
    with beam.Pipeline("apache_beam.runners.portability.fn_api_runner.FnApiRunner") as pipeline:
        read = pipeline | reader.BeamSource() | beam.FlatMap(lambda batch: batch["raw"].flatten().to_pylist())
        assert_that(read, equal_to(expected))


def test_days_without_requests_stop_the_run(jobs: Path, config: RunConfig, tmp_path: Path) -> None:
    later = config.model_copy(update={"split": config.split.model_copy(update={"validation": (90, 91)})})
    with pytest.raises(InputDataError, match="split.validation: there is not one request from 90 to 91"):
        run(later, jobs / "world", jobs / "graph", tmp_path / "examples")


def test_request_features_that_are_nan_stop_the_run(jobs: Path, config: RunConfig, tmp_path: Path) -> None:
    for path in (jobs / "world").rglob("*.*"):
        copy = tmp_path / "data" / path.relative_to(jobs / "world")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    log = tmp_path / "data" / "video_views" / "day-4.parquet"
    pd.read_parquet(log).assign(scenario=None).to_parquet(log, index=False)
    with pytest.raises(InputDataError, match=r"(?s)table 'video_views': .* rows are bad.*scenario: is empty"):
        run(config, tmp_path / "data", jobs / "graph", tmp_path / "examples")


class TestLeakageAudit:
    @pytest.mark.parametrize("with_graph", [False, True])
    def test_proves_good_records_and_leaves_them_alone(
        self, with_graph: bool, jobs: Path, made: Examples, config: RunConfig, tmp_path: Path
    ) -> None:
        before = sorted(Path(made.uri).rglob("*"))
        report = audit(config, made, tmp_path / "report", jobs / "graph" if with_graph else None)
        assert sorted(Path(made.uri).rglob("*")) == before
        assert [path.name for path in (tmp_path / "report").iterdir()] == ["audit.json"]
        splits = ExamplesDirectory.open(made.uri).splits.values()
        assert report.get_int_custom_property("records") == sum(split.num_requests for split in splits)
        assert report.get_int_custom_property("edges") > 1_000
        recounted = report.get_int_custom_property("recounted_records")
        assert recounted >= RECOUNTED if with_graph else recounted == 0

    def test_a_count_that_the_graph_does_not_give_stops_the_run(
        self, jobs: Path, made: Examples, config: RunConfig, tmp_path: Path
    ) -> None:
        wrong = copied(made, tmp_path / "examples")
        file = min((tmp_path / "examples" / "Split-eval").iterdir())
        records = [tf.train.Example.FromString(record) for record in records_in_file(file)]
        for record in records:
            counts = record.features.feature["nodes/_readout.user_shown"].float_list.value
            counts[:] = [count + 1 for count in counts]
        rewrite_records(file, [record.SerializeToString() for record in records])
        with pytest.raises(LeakageError, match=f"Split-eval/{file.name} record .*user_shown"):
            audit(config, wrong, tmp_path / "report", jobs / "graph")

    def test_an_edge_of_the_future_stops_the_run(self, made: Examples, config: RunConfig, tmp_path: Path) -> None:
        leaky = copied(made, tmp_path / "examples")
        file = min((tmp_path / "examples" / "Split-eval").iterdir())
        with_edges, records = spoiled(records_in_file(file))
        rewrite_records(file, records)
        message = f"Split-eval/{file.name} record {with_edges}: edge set 'viewed': 1 edges that a request"
        with pytest.raises(LeakageError, match=message):
            audit(config, leaky, tmp_path / "report", None)


def records_in_file(file: Path) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset(str(file))]


def spoiled(records: list[bytes]) -> tuple[int, list[bytes]]:
    """The first record that has viewed something gets it viewed when the request is made; its number, and all."""
    for number, record in enumerate(records):
        features = tf.train.Example.FromString(record)
        times = features.features.feature["edges/viewed.time"].int64_list.value
        if times:
            times[0] = features.features.feature["context/time"].int64_list.value[0]
            return number, [*records[:number], features.SerializeToString(), *records[number + 1 :]]
    raise AssertionError("no record has edges of 'viewed'")


class TestElsewhere:
    @pytest.fixture()
    def files(self, jobs: Path) -> Iterator[dict[str, bytes]]:
        """Tables and graph in an object store."""
        FILES.clear()
        for name in ("world", "graph"):
            for path in (jobs / name).rglob("*.*"):
                FILES[f"{ROOT}/{name}/{path.relative_to(jobs / name).as_posix()}"] = path.read_bytes()
        yield FILES
        FILES.clear()

    def test_tables_graph_examples_and_report_may_be_in_an_object_store(
        self, files: dict[str, bytes], made: Examples, config: RunConfig, tmp_path: Path
    ) -> None:
        uri = f"{ROOT}/artifacts/examples/2"
        # TFX's mark of a folder that it made.
        files[f"{uri}/"] = b""
        shared_dir = str(tmp_path / "shared")
        examples = run(config, f"{ROOT}/world", f"{ROOT}/graph", uri, shared_dir=shared_dir)
        written = {name.removeprefix(f"{uri}/"): content for name, content in files.items() if name.startswith(uri)}
        written.pop("")
        local = {path.relative_to(made.uri).as_posix(): path for path in Path(made.uri).rglob("*.*")}
        assert written == {name: path.read_bytes() for name, path in local.items()}
        audit(config, examples, f"{ROOT}/artifacts/report/3", f"{ROOT}/graph")
        assert f"{ROOT}/artifacts/report/3/audit.json" in files
        assert list(Path(shared_dir).iterdir()) == []
