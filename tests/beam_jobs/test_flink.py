"""The jobs on a Flink cluster of two TaskManagers give what the in-memory runner gives, one of them lost or not."""

import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from derived_shop import DERIVED, derived_run, derived_schema, derived_tables
from shop_tables import Frames, make_frames, write_frames

from beam_jobs.audit import audit
from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec.errors import InputDataError, TfgrecError
from tools import flink_cluster
from tools.flink_jars import flink_beam_version, installed_beam_version

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("java") or not shutil.which("mvn"), reason="Flink needs Java and Maven"),
    pytest.mark.skipif(
        installed_beam_version() != flink_beam_version(), reason="Flink's jars are of stack A's Beam version"
    ),
]

# One request at a time and many files: sampling lasts long enough for a loss in its middle.
SLOW_SAMPLING = {"requests_per_batch": 1, "output_shards": 40}

TABLES, SCHEMA = derived_tables(*DERIVED), derived_schema(*DERIVED)
CONFIG = derived_run()
CONFIG = CONFIG.model_copy(update={"sampling": CONFIG.sampling.model_copy(update=SLOW_SAMPLING)})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("flink")
    try:
        yield flink_cluster.start(folder, task_managers=2, slots=2)
    finally:
        flink_cluster.stop(folder)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return make_frames(rows=1_000)


@pytest.fixture(scope="module")
def data(frames: Frames, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(frames, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def graph(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The in-memory runner's graph store."""
    folder = tmp_path_factory.mktemp("in_memory") / "graph"
    build(data, folder)
    return folder


def build(data: Path, output: Path, options: list[str] | None = None) -> None:
    parts = {"config": CONFIG, "tables": TABLES, "schema": SCHEMA, "data_dir": data}
    build_graph(**parts, output_dir=output, pipeline_args=options or [])


def sample(data: Path, graph: Path, output: Path, **how: Any) -> None:
    parts = {"config": CONFIG, "tables": TABLES, "schema": SCHEMA, "data_dir": data}
    sample_subgraphs(**parts, graph_dir=graph, output_dir=output, **how)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_graph_store_is_the_same_to_the_last_byte(
    cluster: dict[str, Any], data: Path, graph: Path, tmp_path: Path
) -> None:
    build(data, tmp_path / "graph", cluster["options"])
    assert files(tmp_path / "graph") == files(graph)


def test_a_task_manager_killed_in_the_middle_of_sampling_changes_nothing(
    cluster: dict[str, Any], data: Path, graph: Path, tmp_path: Path
) -> None:
    killed_at = []

    def kill_in_the_middle(done: int, total: int) -> None:
        if 0 < done < total and not killed_at:
            os.kill(cluster["processes"]["task-manager-1"], signal.SIGKILL)
            killed_at.append(done)

    sample(data, graph, tmp_path / "in_memory")
    sample(data, graph, tmp_path / "flink", pipeline_args=cluster["options"], on_progress=kill_in_the_middle)
    assert killed_at
    assert failures_of_last_job(cluster), "the job did not run on the TaskManager that was killed"
    assert files(tmp_path / "flink") == files(tmp_path / "in_memory")


def test_errors_on_workers_come_home_as_they_are(
    cluster: dict[str, Any], graph: Path, data: Path, tmp_path: Path
) -> None:
    sample(data, graph, tmp_path / "examples")
    shard = max((tmp_path / "examples" / "train").iterdir(), key=lambda path: path.stat().st_size)
    shard.write_bytes(shard.read_bytes()[:-3])

    def message(options: list[str]) -> str:
        with pytest.raises(InputDataError) as raised:
            audit(tables=TABLES, examples_dir=str(tmp_path / "examples"), pipeline_args=options)
        return str(raised.value)

    in_memory = message([])
    assert "is damaged" in in_memory
    assert message(cluster["options"]) == in_memory
    assert not list((tmp_path / "examples").glob("*.unfinished"))


def test_too_many_bad_rows_are_told_of_alike(cluster: dict[str, Any], frames: Frames, tmp_path: Path) -> None:
    users = frames["users"].astype({"user": object})
    users.loc[[3, 17], "user"] = "nobody"
    write_frames({**frames, "users": users}, tmp_path / "data")

    def message(options: list[str]) -> str:
        with pytest.raises(TfgrecError) as raised:
            build(tmp_path / "data", tmp_path / "graph", options)
        return str(raised.value)

    in_memory = message([])
    assert "row 4: user: " in in_memory
    assert message(cluster["options"]) == in_memory


def failures_of_last_job(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    def ask(path: str) -> dict[str, Any]:
        with urllib.request.urlopen(cluster["rest"] + path, timeout=10) as answer:
            return json.load(answer)

    last = max(ask("/jobs/overview")["jobs"], key=lambda job: job["start-time"])
    return ask(f"/jobs/{last['jid']}/exceptions")["exceptionHistory"]["entries"]
