"""tfgrec-skew on a run: what it prints and writes, and when it ends with 1."""

import json
from pathlib import Path

import pytest
import served_run
import tensorflow as tf

from tfgrec.commands.skew import main
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.clients.client import rank
from tfgrec.serving.clients.saved_model_client import SavedModelClient
from tfgrec.serving.feature_service.request_log import RequestLog
from tfgrec.skew.logged_requests import chosen_records


@pytest.fixture(scope="module")
def other_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that makes much of a scenario."""
    path = tmp_path_factory.mktemp("other") / "1"
    served_run.write_model(path, of_scenario=100_000.0)
    return path


@pytest.fixture(scope="module")
def request_log(run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten requests of the run, one of them with another hour, as they were answered."""
    folder, model = tmp_path_factory.mktemp("logged") / "log", SavedModelClient(run.newest_export)
    log = RequestLog(folder, share=1, model="small", version=1)
    for number, request in enumerate(chosen_records(ExamplesDirectory.open(run.examples), count=10)):
        example = request.example if number else without_edges(request.example)
        log.offer(example, rank(model, [example])[0])
    log.close()
    return folder


def without_edges(example: bytes) -> bytes:
    message = tf.train.Example.FromString(example)
    message.features.feature["nodes/_readout.user_watched"].float_list.value[:] = [0.5] * len(
        message.features.feature["nodes/_readout.user_watched"].float_list.value
    )
    return message.SerializeToString()


def test_records_are_compared(run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["records", "--run-dir", str(run.root), "--split", "validation", "--requests", "20"]
    assert main([*arguments, "--json", str(tmp_path / "found.json")]) == 0
    assert "20 made again with the same bytes, 0 with others, 0 could not be made" in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["kind"], found["requests"], found["same"]) == ("records", 20, 20)
    assert found["export"] == str(run.newest_export) and found["largest"]["made_now"] <= 1e-5


def test_served_requests_are_compared_with_now(
    run: RunDirectory, request_log: Path, other_export: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ["served", "--run-dir", str(run.root), "--request-log", str(request_log)]
    assert main([*arguments, "--write-examples", str(tmp_path / "examples")]) == 1
    told = capsys.readouterr().out
    assert "9 made again with the same bytes, 1 with others" in told
    assert "nodes/_readout.user_watched" in told and "logged 0.5" in told
    assert "skew: different_share is 0.1, at most 0 is allowed" in told
    [file] = (tmp_path / "examples").iterdir()
    assert len(list(tf.data.TFRecordDataset([str(file)]))) == 10
    allowed = ["--limit", "different_share=0.1", "made_now=1"]
    assert main([*arguments, *allowed]) == 0
    # The model of now is another one.
    assert main([*arguments, *allowed, "--export", str(other_export.parent)]) == 1
    assert "answered_then is" in capsys.readouterr().out


def test_models_are_compared_on_the_same_requests(
    run: RunDirectory, request_log: Path, other_export: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    models = ["models", "--export", str(run.root), "--export", str(other_export)]
    file = tmp_path / "drift.json"
    assert main([*models, "--run-dir", str(run.root), "--limit", "psi=1e9", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert found["exports"] == [str(run.newest_export), str(other_export)] and found["requests"] == 74
    drift = found["drift"]["click"]
    assert drift["top_changed"] > 0 and drift["rank_correlation"] < 1 and drift["psi"] > 0
    limits = ["--limit", "top_changed=0", "rank_correlation=0.9999"]
    assert main([*models, "--request-log", str(request_log), *limits]) == 1
    told = capsys.readouterr().out
    assert "skew: click: top_changed is" in told or "skew: click: rank_correlation is" in told
    same = ["models", "--export", str(run.root), "--export", str(run.newest_export), "--run-dir", str(run.root)]
    assert main([*same, "--limit", "psi=0", "ks=0", "top_changed=0", "largest_change=0"]) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["records", "--run-dir", "RUN", "--limit", "madenow=1"], "unknown name 'madenow': did you mean 'made_now'?"),
        (["records", "--run-dir", "RUN", "--export", "RUN/examples"], "is no exported model"),
        (["models", "--export", "RUN", "--run-dir", "RUN"], "--export: expected two models, received 1"),
        (["models", "--export", "RUN", "--export", "RUN"], "name either --run-dir or --request-log"),
        (
            ["models", "--export", "RUN", "--export", "RUN", "--run-dir", "RUN", "--task", "clck"],
            "--task clck: both models have click",
        ),
        (["served", "--run-dir", "RUN", "--request-log", "RUN/schema"], "has no logged requests"),
    ],
)
def test_wrong_options_are_told_in_a_line(
    run: RunDirectory, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture
) -> None:
    assert main([argument.replace("RUN", str(run.root)) for argument in arguments]) == 2
    told = capsys.readouterr().err
    assert complaint in told and told.startswith("error: ") and told.count("\n") == 1
