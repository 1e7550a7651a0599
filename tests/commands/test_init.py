"""tfgrec-init writes a draft once, says what comes next, and asks for what it can't tell."""

import json
from pathlib import Path

import pandas as pd
import pytest
import tiny_world

from tfgrec.commands import init, train
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.examples.example_files import example_config


@pytest.fixture
def data(tmp_path: Path) -> Path:
    tiny_world.write_tiny_world(tmp_path)
    return tmp_path / "data"


def test_a_draft_is_written_once(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = tmp_path / "draft"
    assert init.main([str(folder), "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert "users: users.user, items: items.item\nlabels: click\n" in said
    assert f"tfgrec-train --config {folder}/run.yaml --data {data} --run-dir runs/draft" in said
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert len(before) == 5
    assert init.main([str(folder), "--data", str(data)]) == 2
    assert f"{folder}/graph.pbtxt" in capsys.readouterr().err
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before


def test_the_training_that_comes_next_has_another_folder_than_the_draft(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert init.main(["runs/shop", "--data", str(data)]) == 0
    assert "--run-dir runs/shop_run\n" in capsys.readouterr().out


@pytest.mark.slow
def test_a_draft_trains_at_once(data: Path, tmp_path: Path) -> None:
    folder, run = tmp_path / "draft", tmp_path / "run"
    assert init.main([str(folder), "--data", str(data)]) == 0
    smaller = ["model.encoder={rounds: 1, units: 4, message_units: 4}", "model.auto_encoder.enabled=false"]
    arguments = [f"--config={folder / 'run.yaml'}", f"--data={data}", f"--run-dir={run}", "--set", *smaller]
    assert train.main(arguments) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 < metrics["validation"]["click"]["log_loss"] < 2 and 0 < metrics["test"]["click"]["log_loss"] < 2
    assert (run / "export" / "1" / "saved_model.pb").exists()


def test_nothing_is_written_where_something_can_not_be_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    log = pd.read_parquet(data / "log.parquet")
    log.assign(click=log["click"] + 0.5).to_parquet(data / "log.parquet", index=False)
    assert init.main([str(tmp_path / "draft"), "--data", str(data), "--log", "log"]) == 2
    assert "--labels: log.parquet has no outcome (a column of 0 and 1" in capsys.readouterr().err
    assert not (tmp_path / "draft").exists()


@pytest.mark.parametrize("arguments", [[], ["draft"], ["--data", "."]])
def test_folder_and_data_are_asked_for(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    assert init.main(arguments) == 2
    assert "give the folder to write, and --data" in capsys.readouterr().err


def test_an_example_needs_a_folder(capsys: pytest.CaptureFixture) -> None:
    assert init.main(["--example", "demo"]) == 2
    assert "--example: give the folder to write" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["demo", "kuairand", "movielens"])
def test_an_example_is_copied_once(name: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = tmp_path / "mine"
    assert init.main([str(folder), "--example", name]) == 0
    assert sorted(capsys.readouterr().out.split()) == sorted(str(path) for path in folder.iterdir())
    copied, original = load_run_config(folder / "run.yaml"), load_run_config(example_config(name))
    assert copied.schema_dir == str(folder)
    assert copied.model_copy(update={"schema_dir": original.schema_dir}) == original
    assert load_tables_config(folder) == load_tables_config(original.schema_dir)
    assert init.main([str(folder), "--example", name]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert init.main([str(tmp_path / "other"), "--example", name[:-1]]) == 2
    assert f"did you mean '{name}'" in capsys.readouterr().err and not (tmp_path / "other").exists()
