"""A run never goes on with a damaged graph or damaged records: the stage that made them is done again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from stand_in_jobs import Jobs, write_outputs

from tfgrec.config import load_run_config
from tfgrec.errors import InputDataError
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages import data_stages
from tfgrec.stages.data_stages import DataStages

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_outputs(tmp_path_factory.mktemp("outputs"))


def flip_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


GRAPH, SAMPLING, AUDIT = "beam_jobs.build_graph", "beam_jobs.sample_subgraphs", "beam_jobs.audit"


@pytest.mark.parametrize("damage", [flip_last_byte, cut])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("graph/nodes/user/*.arrow", [GRAPH]),
        ("graph/edges/watched/*.arrow", [GRAPH]),
        ("graph/manifest.json", [GRAPH]),
        ("examples/train/*.tfrecord", [SAMPLING, AUDIT]),
        ("examples/manifest.json", [SAMPLING, AUDIT]),
        ("stages/graph.json", [GRAPH]),
    ],
)
def test_what_is_damaged_is_made_again(
    outputs: Path,
    pattern: str,
    expected: list[str],
    damage: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, said = Jobs(outputs), []
    monkeypatch.setattr(data_stages.JobProcess, "run", jobs)
    run = RunDirectory.at(tmp_path / "run")
    DataStages(load_run_config(CONFIG), run, outputs / "data", announce=said.append).run()
    assert jobs.done == [GRAPH, SAMPLING, AUDIT]
    path = sorted(run.root.glob(pattern))[0]
    sound = path.read_bytes()
    damage(path)
    jobs.done.clear()
    said.clear()
    DataStages(load_run_config(CONFIG), run, outputs / "data", announce=said.append).run()
    assert jobs.done == expected
    assert any("done again" in line and path.name in line for line in said)
    if path.parent.name != "stages":
        assert path.read_bytes() == sound
    jobs.done.clear()
    DataStages(load_run_config(CONFIG), run, outputs / "data").run()
    assert jobs.done == []


def test_what_killed_jobs_left_is_deleted(outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_stages.JobProcess, "run", Jobs(outputs))
    run = RunDirectory.at(tmp_path / "run")
    for left in ("graph.unfinished-1a", "graph.replaced-2b", "examples.unfinished-3c"):
        (run.root / left / "nodes").mkdir(parents=True)
    DataStages(load_run_config(CONFIG), run, outputs / "data").run()
    assert {path.name for path in run.root.iterdir()} == {"config.yaml", "schema", "stages", "graph", "examples"}


def test_the_truth_of_a_simulated_world_is_no_input(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, data = Jobs(outputs), tmp_path / "data"
    monkeypatch.setattr(data_stages.JobProcess, "run", jobs)
    shutil.copytree(outputs / "data", data)
    run = RunDirectory.at(tmp_path / "run")
    DataStages(load_run_config(CONFIG), run, data).run()
    assert not [path for path in run.stages.iterdir() if "truth" in path.read_text(encoding="utf-8")]
    jobs.done.clear()
    (data / "truth.parquet").unlink()
    DataStages(load_run_config(CONFIG), run, data).run()
    assert jobs.done == []


def test_what_a_job_reads_is_remembered(outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(outputs)
    monkeypatch.setattr(data_stages.JobProcess, "run", jobs)
    run = RunDirectory.at(tmp_path / "run")
    schema = Path(shutil.copytree(CONFIG.parents[1] / "schemas" / "short_video", tmp_path / "schema"))

    def done(*overrides: str) -> list[str]:
        jobs.done.clear()
        DataStages(load_run_config(CONFIG, [f"schema_dir={schema}", *overrides]), run, outputs / "data").run()
        return list(jobs.done)

    assert done() == [GRAPH, SAMPLING, AUDIT]
    assert done() == []
    # The graph's own bytes stay, and the records have to be counted anew all the same.
    assert done("build.max_bad_row_share=0.5") == [GRAPH, SAMPLING, AUDIT]
    text = (schema / "tables.yaml").read_text()
    (schema / "tables.yaml").write_text(f"{text}# Another one.\n")
    assert done("build.max_bad_row_share=0.5") == [GRAPH, SAMPLING, AUDIT]
    assert done("build.max_bad_row_share=0.5", "training.batch_size=7") == []


@pytest.mark.parametrize(
    ("path", "run_dir", "refused"),
    [
        ("**/*.parquet", "runs/a", True),
        ("**", "runs/a", True),
        ("runs/*/predictions.*", "runs/a", True),
        ("**/*.tfrecord", "runs/a", True),
        ("users.csv", "runs/a", False),
        ("users*.csv", ".", False),
        ("**/*.parquet", "../run", False),
    ],
)
def test_a_run_is_not_read_as_rows(path: str, run_dir: str, refused: bool, outputs: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(outputs / "data", tmp_path / "data"))
    schema = Path(shutil.copytree(CONFIG.parents[1] / "schemas" / "short_video", tmp_path / "schema"))
    tables = yaml.safe_load((schema / "tables.yaml").read_text())
    tables["tables"]["users"]["path"] = path
    (schema / "tables.yaml").write_text(yaml.safe_dump(tables))
    for written in ("predictions.parquet", "examples/train/part-0.tfrecord"):
        (data / "runs" / "a" / written).parent.mkdir(parents=True, exist_ok=True)
        (data / "runs" / "a" / written).write_text("")
    stages = DataStages(load_run_config(CONFIG, [f"schema_dir={schema}"]), RunDirectory.at(data / run_dir), data)
    if not refused:
        stages.check()
        return
    with pytest.raises(InputDataError, match="^table 'users': its path '.*' would match what the run writes, "):
        stages.check()


def test_of_the_schema_nothing_is_removed(outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_stages.JobProcess, "run", Jobs(outputs))
    run = RunDirectory.at(tmp_path / "run")
    run.schema.mkdir(parents=True)
    (run.schema / "important.sql").write_text("x")
    (run.schema / "tables.yaml").write_text("of an earlier run")
    DataStages(load_run_config(CONFIG), run, outputs / "data").run()
    source = CONFIG.parents[1] / "schemas" / "short_video"
    assert (run.schema / "important.sql").read_text() == "x"
    for name in ("graph.pbtxt", "tables.yaml", "examples.pbtxt"):
        assert (run.schema / name).read_bytes() == (source / name).read_bytes()
