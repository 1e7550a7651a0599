"""The jobs on a Flink cluster of two TaskManagers give what the in-memory runner gives, one of them lost or not.

The TaskManagers share nothing but an object store: each has its own temporary folder, and sees neither the other's nor
this process's.
"""

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from derived_shop import DERIVED, derived_run, derived_schema, derived_tables
from s3_contents import contents, send_folder
from s3_server import S3Server
from shop_tables import Frames, make_frames, write_frames

from beam_jobs.audit import audit
from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec import files
from tfgrec.errors import InputDataError, TfgrecError
from tfgrec.generations import whole_folder
from tools import flink_cluster
from tools.flink_jars import flink_beam_version, installed_beam_version


def can_hide_folders() -> bool:
    """Whether this machine lets us have mount namespaces."""
    return shutil.which("unshare") is not None and subprocess.run(["unshare", "--mount", "true"]).returncode == 0


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
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this process alone sees: what the in-memory runner writes."""
    return tmp_path_factory.mktemp("in_memory")


@pytest.fixture(scope="module")
def cluster(s3_server: S3Server, in_memory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("flink")
    try:
        yield flink_cluster.start(folder, task_managers=2, slots=2, hidden=[in_memory] if can_hide_folders() else None)
    finally:
        flink_cluster.stop(folder)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return make_frames(rows=1_000)


@pytest.fixture(scope="module")
def bucket(s3_server: S3Server) -> str:
    return f"{s3_server.url}/flink"


@pytest.fixture(scope="module")
def data(frames: Frames, bucket: str, in_memory: Path) -> str:
    send_folder(write_frames(frames, in_memory / "data"), f"{bucket}/data")
    return f"{bucket}/data"


@pytest.fixture(scope="module")
def graph(data: str, in_memory: Path) -> Path:
    """The in-memory runner's graph store."""
    build(data, in_memory / "graph")
    return in_memory / "graph"


@pytest.fixture(scope="module")
def far_graph(graph: Path, bucket: str) -> str:
    send_folder(graph, f"{bucket}/graph")
    return f"{bucket}/graph"


def build(data: str, output: Path | str, options: list[str] | None = None) -> None:
    parts = {"config": CONFIG, "tables": TABLES, "schema": SCHEMA, "data_dir": data}
    build_graph(**parts, output_dir=str(output), pipeline_args=options or [])


def sample(data: str, graph: Path | str, output: Path | str, **how: Any) -> None:
    parts = {"config": CONFIG, "tables": TABLES, "schema": SCHEMA, "data_dir": data}
    sample_subgraphs(**parts, graph_dir=str(graph), output_dir=str(output), **how)


def test_the_graph_store_is_the_same_to_the_last_byte(
    cluster: dict[str, Any], data: str, graph: Path, bucket: str
) -> None:
    build(data, f"{bucket}/built", cluster["options"])
    assert contents(whole_folder(f"{bucket}/built")) == contents(graph)


def test_a_task_manager_killed_in_the_middle_of_sampling_changes_nothing(
    cluster: dict[str, Any], data: str, far_graph: str, graph: Path, bucket: str, in_memory: Path
) -> None:
    killed_at = []

    def kill_in_the_middle(done: int, total: int) -> None:
        if 0 < done < total and not killed_at:
            os.kill(cluster["processes"]["task-manager-1"], signal.SIGKILL)
            killed_at.append(done)

    sample(data, graph, in_memory / "examples")
    sample(
        data,
        far_graph,
        f"{bucket}/examples",
        pipeline_args=cluster["options"],
        on_progress=kill_in_the_middle,
    )
    assert killed_at
    assert failures_of_last_job(cluster), "the job did not run on the TaskManager that was killed"
    assert contents(whole_folder(f"{bucket}/examples")) == contents(in_memory / "examples")


def test_errors_on_workers_come_home_as_they_are(
    cluster: dict[str, Any], far_graph: str, data: str, bucket: str
) -> None:
    examples = f"{bucket}/damaged"
    sample(data, far_graph, examples)
    shard = max(files.files_below(f"{whole_folder(examples)}/train").items(), key=lambda file: file[1].bytes)[0]
    with files.open_to_read(shard) as file:
        content = file.read()
    files.write_atomically(shard, lambda file: file.write(content[:-3]))

    def message(options: list[str]) -> str:
        with pytest.raises(InputDataError) as raised:
            audit(tables=TABLES, examples_dir=examples, pipeline_args=options)
        return str(raised.value)

    on_flink = message(cluster["options"])
    # A worker that ends later than the job may write once more; the next audit removes it.
    in_memory = message([])
    assert "is damaged" in in_memory
    assert on_flink == in_memory
    assert not [path for path in files.files_below(examples) if ".unfinished" in path]


def test_too_many_bad_rows_are_told_of_alike(
    cluster: dict[str, Any], frames: Frames, bucket: str, tmp_path: Path
) -> None:
    users = frames["users"].astype({"user": object})
    users.loc[[3, 17], "user"] = "nobody"
    send_folder(write_frames({**frames, "users": users}, tmp_path / "data"), f"{bucket}/bad")

    def message(options: list[str]) -> str:
        with pytest.raises(TfgrecError) as raised:
            build(f"{bucket}/bad", f"{bucket}/bad_graph", options)
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
