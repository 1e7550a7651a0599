"""What the stages of a model are remembered by: all that their code reads, and nothing that is no matter."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_records
import yaml

from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages import model_stages
from tfgrec.stages.model_stages import ModelStages

RETRIEVAL = "model.retrieval={positive: click}"
FACTORS = ["model.fusion.match=dot", "model.match.factors={outcomes: {watched: watch_ms}}"]


class Inputs:
    """Stands in for StageLog: notes what each stage is made from, and writes what the next one reads."""

    def __init__(self) -> None:
        self.of: dict[str, Any] = {}

    def __call__(self, folder: Path, *, announce: Callable[[str], None]) -> "Inputs":
        return self

    def run(self, name: str, *, inputs: dict[str, Any], outputs: list[Path], work: object) -> bool:
        self.of[name] = json.loads(json.dumps(inputs))
        for path in outputs:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}")
        return True


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small") / "run"
    return small_records.write_small_run(root, train_requests=10, validation_requests=5)


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> RunDirectory:
    return RunDirectory.at(shutil.copytree(small_run, tmp_path / "run"))


def inputs(run: RunDirectory, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> dict[str, Any]:
    log = Inputs()
    monkeypatch.setattr(model_stages, "StageLog", log)
    ModelStages(run.read_config(overrides), run, announce=lambda _: None).run()
    return log.of


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """`stage.input` that are not equal."""
    return {
        f"{stage}.{key}"
        for stage in before
        for key in before[stage].keys() | after[stage].keys()
        if before[stage].get(key) != after[stage].get(key)
    }


def change_tables(run: RunDirectory, change: Callable[[dict[str, Any]], None]) -> None:
    path = run.schema / "tables.yaml"
    tables = yaml.safe_load(path.read_text())
    change(tables["requests"])
    path.write_text(yaml.safe_dump(tables))


def make_a_label(requests: dict[str, Any]) -> None:
    requests["labels"]["hour"] = requests["features"].pop("hour")


def rename_a_column(requests: dict[str, Any]) -> None:
    requests["features"]["hour"] = "other_column"


def change_graph(run: RunDirectory) -> None:
    path = run.graph / "manifest.json"
    path.write_text(path.read_text() + "\n")


def test_a_feature_that_becomes_a_label_is_trained_without(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs(run, monkeypatch)
    records = (run.examples / "manifest.json").read_bytes()
    change_tables(run, make_a_label)
    assert differing(before, inputs(run, monkeypatch)) == {"training.labels"}
    assert (run.examples / "manifest.json").read_bytes() == records


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], set()),
        (["arm=two_stage"], {"training.graph"}),
        (FACTORS, {"training.graph"}),
        ([*FACTORS, "arm=no_graph"], set()),
        ([RETRIEVAL], {"evaluation.graph"}),
    ],
)
def test_the_graph_counts_where_it_is_read(
    overrides: list[str], expected: set[str], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs(run, monkeypatch, *overrides)
    change_graph(run)
    assert differing(before, inputs(run, monkeypatch, *overrides)) == expected


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [([], set()), (["arm=two_stage"], {"training.requests"}), ([RETRIEVAL], {"evaluation.requests"})],
)
def test_what_tables_say_of_requests_counts_where_it_is_read(
    overrides: list[str], expected: set[str], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs(run, monkeypatch, *overrides)
    change_tables(run, rename_a_column)
    assert differing(before, inputs(run, monkeypatch, *overrides)) == expected


def test_other_records_count_in_all_that_reads_them(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs(run, monkeypatch)
    path = run.examples / "manifest.json"
    path.write_text(path.read_text() + "\n")
    expected = {f"{stage}.examples" for stage in ("training", "evaluation", "export")}
    assert differing(before, inputs(run, monkeypatch)) == expected


@pytest.mark.parametrize(
    ("arm", "override", "expected"),
    [
        ("joint", "training.log_every_steps=7", {"report.config"}),
        ("joint", "training.epochs=3", {"training.training", "report.config"}),
        ("joint", "training.pretraining_epochs=3", {"report.config"}),
        ("frozen_encoder", "training.pretraining_epochs=3", {"training.training", "report.config"}),
        ("joint", "evaluation.min_scenario_rows=3", {"evaluation.evaluation", "report.config"}),
        ("joint", "model.towers.dropout=0.2", {"training.model", "report.config"}),
        ("joint", "sampling.history.watched.newest=5", {"training.sampling", "report.config"}),
    ],
)
def test_a_setting_counts_where_it_is_read(
    arm: str, override: str, expected: set[str], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs(run, monkeypatch, f"arm={arm}")
    assert differing(before, inputs(run, monkeypatch, f"arm={arm}", override)) == expected


def test_what_a_report_shows_counts(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs(run, monkeypatch)
    for path in (run.metrics, run.predictions):
        path.write_text('{"other": 1}')
    assert differing(before, inputs(run, monkeypatch)) == {"report.metrics", "report.predictions"}
