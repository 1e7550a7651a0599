"""A run never goes on with a damaged graph or damaged records: the stage that made them is done again."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from stand_in_jobs import Jobs, write_outputs

from tfgrec import files
from tfgrec.config import load_run_config
from tfgrec.errors import InputDataError
from tfgrec.files import write_json
from tfgrec.graph.store.layout import sealed
from tfgrec.run import known_fingerprints
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages import data_stages
from tfgrec.stages.data_stages import DataStages

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_outputs(tmp_path_factory.mktemp("outputs"))


@pytest.fixture
def finished(outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Jobs, RunDirectory]:
    """A run whose data stages are done, and its jobs, which begin to count again."""
    jobs, run = Jobs(outputs), RunDirectory.at(tmp_path / "run")
    monkeypatch.setattr(data_stages.JobProcess, "run", jobs)
    DataStages(load_run_config(CONFIG), run, outputs / "data").run()
    jobs.done.clear()
    return jobs, run


def flip_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


GRAPH, SAMPLING, AUDIT = "beam_jobs.build_graph", "beam_jobs.sample_subgraphs", "beam_jobs.audit"


@pytest.mark.parametrize(
    ("pattern", "damage", "verify", "expected"),
    [
        ("graph/nodes/user/*.arrow", cut, False, [GRAPH]),
        ("graph/edges/watched/*.arrow", cut, False, [GRAPH]),
        ("graph/edges/watched/*.arrow", Path.unlink, False, [GRAPH]),
        ("graph/nodes/user/*.arrow", flip_last_byte, True, [GRAPH]),
        ("graph/edges/watched/*.arrow", flip_last_byte, True, [GRAPH]),
        ("graph/manifest.json", cut, False, [GRAPH]),
        ("graph/manifest.json", flip_last_byte, False, [GRAPH]),
        ("examples/train/*.tfrecord", cut, False, [SAMPLING, AUDIT]),
        ("examples/train/*.tfrecord", Path.unlink, False, [SAMPLING, AUDIT]),
        ("examples/train/*.tfrecord", flip_last_byte, True, [SAMPLING, AUDIT]),
        ("examples/manifest.json", cut, False, [SAMPLING, AUDIT]),
        ("examples/manifest.json", flip_last_byte, False, [SAMPLING, AUDIT]),
        ("stages/graph.json", cut, False, [GRAPH]),
        ("stages/graph.json", flip_last_byte, False, [GRAPH]),
    ],
)
def test_what_is_damaged_is_made_again(
    outputs: Path,
    pattern: str,
    damage: Callable[[Path], None],
    verify: bool,
    expected: list[str],
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
    DataStages(load_run_config(CONFIG), run, outputs / "data", announce=said.append, verify=verify).run()
    assert jobs.done == expected
    assert any("done again" in line and path.name in line for line in said)
    if path.parent.name != "stages":
        assert path.read_bytes() == sound
    jobs.done.clear()
    DataStages(load_run_config(CONFIG), run, outputs / "data").run()
    assert jobs.done == []


def test_no_byte_of_what_is_there_decides(outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of graph and records, nor of tables that have not been changed, however large these are."""
    jobs, read = Jobs(outputs), []
    monkeypatch.setattr(data_stages.JobProcess, "run", jobs)
    data = shutil.copytree(outputs / "data", tmp_path / "data")
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 0.0)
    run = RunDirectory.at(tmp_path / "run")
    DataStages(load_run_config(CONFIG), run, data).run()
    jobs.done.clear()
    shards = [path for path in run.root.rglob("*") if path.suffix in (".arrow", ".tfrecord")]
    for path in shards:
        path.write_bytes(bytes(path.stat().st_size))
    fingerprint_file = known_fingerprints.fingerprint_file
    monkeypatch.setattr(
        known_fingerprints, "fingerprint_file", lambda path: read.append(path) or fingerprint_file(path)
    )
    monkeypatch.setattr(files, "checksum", lambda path: pytest.fail(f"{path} is read"))
    DataStages(load_run_config(CONFIG), run, data).run()
    assert len(shards) > 10 and jobs.done == [] and read == []
    # A table that was written anew, its time set back, is read again.
    table = data / "users.csv"
    before, text = table.stat(), table.read_text()
    table.write_text(text.replace("1", "2"))
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    DataStages(load_run_config(CONFIG), run, data).run()
    assert jobs.done[0] == GRAPH and set(read) == {table}


def test_a_file_of_somebody_else_changes_nothing(finished: tuple[Jobs, RunDirectory], outputs: Path) -> None:
    jobs, run = finished
    foreign = run.examples / "train" / "part-00007-of-00003.tfrecord"
    foreign.write_text("x")
    DataStages(load_run_config(CONFIG), run, outputs / "data", verify=True).run()
    assert jobs.done == [] and foreign.read_text() == "x"


def test_a_manifest_that_others_have_sealed_is_audited(finished: tuple[Jobs, RunDirectory], outputs: Path) -> None:
    jobs, run = finished
    path = run.examples / "manifest.json"
    manifest = {name: of for name, of in json.loads(path.read_text()).items() if name != "sha256"}
    manifest["splits"]["train"]["num_requests"] += 1
    write_json(path, sealed(manifest))
    DataStages(load_run_config(CONFIG), run, outputs / "data").run()
    assert jobs.done[-1] == AUDIT


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
