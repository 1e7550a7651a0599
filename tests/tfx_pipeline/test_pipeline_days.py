"""The pipeline day after day on a tiny simulated world, with spoiled days."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from daily_app import ANY_MODEL, FAR_BETTER, FIRST_DAY, NEXT_DAY, App
from rewritten_records import rewrite_records
from tfx.components.infra_validator.request_builder import build_requests
from tfx.components.util.examples_utils import set_file_format, set_payload_format
from tfx.proto import example_gen_pb2
from tfx.types.standard_artifacts import Examples, Model

from beam_jobs.tfrecords.tfrecord_shards import read_records, write_records
from tfx_pipeline.infra_validation import REQUESTS
from tfx_pipeline.local_runner import main
from tfx_pipeline.subgraph_example_gen import executor as example_gen

KEEP_ONE = "pipeline.keep_runs=1"
A_BIT_BETTER = FAR_BETTER.replace("0.5", "0.4")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """An app after its first run."""
    app = App(tmp_path_factory.mktemp("app"))
    assert app.run(FIRST_DAY) == 0
    return app


@pytest.mark.slow
def test_the_first_run_pushes_a_model_and_leaves_pages(app: App) -> None:
    run = app.newest_run
    assert set(app.states().values()) == {"done"}
    assert len(app.versions) == 1
    loaded = tf.saved_model.load(str(app.root / "serving" / "demo" / app.versions[0]))
    record = next(
        iter(read_records(str(next(Path(run.find("SubgraphExampleGen").outputs["examples"]).rglob("part*")))))
    )
    assert np.isfinite(loaded.signatures["serving_default"](examples=tf.constant([record]))["is_click"].numpy()).all()
    pages = {page.name: page.read_text() for component in run.components for page in component.pages}
    assert set(pages) == {"statistics.html", "anomalies.html", "evaluation.html", "report.html"}
    (overview,) = (app.root / "runs").glob("*.html")
    for page in pages:
        assert f"{page}'>" in overview.read_text()


@pytest.mark.slow
def test_what_infra_validator_would_send_is_what_the_model_takes(app: App) -> None:
    """There is no Docker here: of its work, all that goes before starting TF Serving."""
    run = app.newest_run
    model, examples = Model(), Examples()
    model.uri, examples.uri = run.find("Trainer").outputs["model"], run.find("SubgraphExampleGen").outputs["examples"]
    examples.splits = ["train", "eval"]
    set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    set_file_format(examples, "tfrecords_gzip")
    requests = build_requests("demo", model, examples, REQUESTS)
    assert len(requests) == 3
    served = tf.saved_model.load(f"{model.uri}/Format-Serving").signatures["serving_default"]
    for request in requests:
        given = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        assert np.isfinite(served(**given)["is_click"].numpy()).all()


@pytest.mark.slow
def test_the_same_run_again_does_nothing(app: App, capsys: pytest.CaptureFixture) -> None:
    before = app.versions
    assert app.run(FIRST_DAY) == 0
    ran = {name for name, state in app.states().items() if state != "cached"}
    # Resolvers look things up anew each time.
    assert ran == {"BlessedModel"}
    assert app.versions == before
    assert "as in an earlier run" in capsys.readouterr().out


@pytest.mark.slow
def test_served_examples_that_differ_from_those_of_training_stop_a_run(app: App, tmp_path: Path, capfd) -> None:
    records = Path(app.newest_run.find("SubgraphExampleGen").outputs["examples"]) / "Split-train"
    for name, change in (("alike", bytes), ("other", without_ages)):
        (tmp_path / name).mkdir()
        served = [change(record) for file in sorted(records.iterdir()) for record in read_records(str(file))]
        write_records(str(tmp_path / name / "served.tfrecord"), served)
    arguments = app.arguments(FIRST_DAY)
    assert main([*arguments, f"--serving-examples={tmp_path / 'alike'}"]) == 0
    states = app.states()
    assert states["SkewValidator"] == states["DataGate"] == "done" and states["Trainer"] == "cached"
    assert main([*arguments, f"--serving-examples={tmp_path / 'other'}"]) == 2
    told = capfd.readouterr().err
    assert re.search(r"DataGate stopped the run.*split serving: nodes/user\.age_band", told, flags=re.DOTALL), told


def without_ages(record: bytes) -> bytes:
    """As of a service that forgot a feature."""
    example = tf.train.Example.FromString(record)
    del example.features.feature["nodes/user.age_band"]
    return example.SerializeToString()


def without_a_column(log: pd.DataFrame) -> pd.DataFrame:
    return log.drop(columns="is_like")


def with_shifted_labels(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(is_click=1)


def with_missing_numbers(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(watch_time_ms=np.where(np.arange(len(log)) % 2, np.nan, log.watch_time_ms))


SPOILED = {
    "a column missing": (without_a_column, "GraphBuilder", r"day-5\.parquet.*is_like"),
    "labels shifted": (with_shifted_labels, "DataGate", r"eval.*_readout\.is_click"),
    "NaN": (with_missing_numbers, "SubgraphExampleGen|DataGate", r"watch_time_ms"),
}


@pytest.mark.slow
@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_spoiled_day_is_stopped_and_the_served_model_stays(spoiled, app: App, capfd: pytest.CaptureFixture) -> None:
    edit, component, message = SPOILED[spoiled]
    before = app.versions
    with app.spoiled_day(edit):
        assert app.run(NEXT_DAY) == 2
    told = capfd.readouterr().err
    assert re.search(f"({component}) stopped the run", told), told
    assert re.search(message, told), told
    assert "Trainer" not in app.states()
    assert app.versions == before


@pytest.mark.slow
def test_leaked_edges_are_stopped_by_the_audit(app: App, monkeypatch, capfd: pytest.CaptureFixture) -> None:
    """A sampler that forgets about time, as a mistake in it would."""
    honest = example_gen.sample_subgraphs

    def leaking(**arguments):
        manifest = honest(**arguments)
        for path in Path(arguments["output_dir"]).rglob("part-*.tfrecord"):
            rewrite_records(path, [with_the_newest_edges(record) for record in read_records(str(path))])
        return manifest

    monkeypatch.setattr(example_gen, "sample_subgraphs", leaking)
    before = app.versions
    app.add_days(NEXT_DAY, NEXT_DAY)
    assert app.run(NEXT_DAY, ANY_MODEL, "sampling.seed=5") == 2
    told = capfd.readouterr().err
    assert "LeakageAudit stopped the run" in told and "viewed" in told, told
    assert app.versions == before


def with_the_newest_edges(record: bytes) -> bytes:
    example = tf.train.Example.FromString(record)
    times = example.features.feature["edges/viewed.time"].int64_list.value
    times[:] = [2**60] * len(times)
    return example.SerializeToString()


@pytest.mark.slow
def test_the_next_day_adds_compares_and_pushes_only_what_is_better(app: App, capsys: pytest.CaptureFixture) -> None:
    before = app.versions
    app.add_days(NEXT_DAY, NEXT_DAY)
    assert app.run(NEXT_DAY, FAR_BETTER) == 0
    told = capsys.readouterr().out
    assert "not blessed" in told and "is_click" in told and "auc" in told, told
    assert app.versions == before
    assert "training: starts from" in told

    # Other thresholds alone: nothing is trained anew.
    assert app.run(NEXT_DAY, ANY_MODEL) == 0
    states = app.states()
    assert states["GraphBuilder"] == states["SubgraphExampleGen"] == states["Trainer"] == "cached"
    assert states["Evaluator"] == states["Pusher"] == "done"
    assert len(app.versions) == len(before) + 1


@pytest.mark.slow
def test_what_only_earlier_runs_needed_is_removed(app: App, capsys: pytest.CaptureFixture) -> None:
    """After the two days. What the day before leaves is the model that was compared with, and what people look at."""
    before = app.versions
    assert app.run(NEXT_DAY, ANY_MODEL, KEEP_ONE) == 0
    assert "Removed what only earlier runs needed" in capsys.readouterr().out
    run = app.newest_run
    assert {component.name for component in run.components if component.state != "cached"} == {"BlessedModel"}
    for component, output in {"GraphBuilder": "graph", "SubgraphExampleGen": "examples"}.items():
        left = Path(run.find(component).outputs[output])
        assert list(left.parent.iterdir()) == [left]
    trained = Path(run.find("Trainer").outputs["model"])
    assert trained in trained.parent.iterdir() and len(list(trained.parent.iterdir())) == 2

    # The other model is whole: it is compared with, by an evaluation that no run has made yet.
    assert app.run(NEXT_DAY, A_BIT_BETTER, KEEP_ONE) == 0
    told = capsys.readouterr().out
    assert "not blessed" in told and "Removed" not in told, told
    states = app.states()
    assert (states["Trainer"], states["Evaluator"]) == ("cached", "done")

    # What is gone is made anew; two days of one app do not lie so close together, so that the run ends there.
    assert app.run(FIRST_DAY, ANY_MODEL, "pipeline.drift._readout={is_click: 1e-9}") == 2
    states = app.states()
    assert states["GraphBuilder"] == states["SubgraphExampleGen"] == "done"
    assert app.versions == before
