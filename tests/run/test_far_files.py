"""The small files of runs at URLs: what is sent, fetched, left alone, and left whole by a kill."""

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_contents import contents

from tfgrec import files
from tfgrec.errors import ConfigurationError, OutputError
from tfgrec.run.claim import claimed
from tfgrec.run.far_files import FarFiles, fetch_to_read, send_changes
from tfgrec.run.far_lock import only_machine
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.stage_log import StageLog
from tfgrec.run.working_folder import local_folder, told_by_url, url_of


class Machines:
    """Machines that share nothing: each has working folders of its own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch = folder, patch

    def work_on(self, name: str) -> None:
        self._patch.setenv("TFGREC_RUNS_DIR", str(self._folder / name))


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    machines = Machines(tmp_path, monkeypatch)
    machines.work_on("first")
    return machines


@pytest.fixture
def url(s3_folder: str, machines: Machines) -> str:
    return f"{s3_folder}/run"


def write(url: str, **texts: str) -> None:
    for name, text in texts.items():
        path = local_folder(url) / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def read(url: str) -> dict[str, str]:
    """What a working folder holds, but for what is of this machine alone."""
    found = {name: content.decode() for name, content in contents(local_folder(url)).items()}
    return {name: text for name, text in found.items() if name[0] != "." and name not in ("run.lock", "tfgrec.json")}


def test_a_url_has_a_folder_and_a_folder_its_url(url: str, tmp_path: Path) -> None:
    folder = local_folder(f"{url}/")
    assert url_of(folder) == url and url_of(folder / "arms" / ".." / "logs") == f"{url}/logs"
    assert url_of(tmp_path) is None and local_folder(tmp_path) == tmp_path
    assert told_by_url(f"{folder}/logs: is missing") == f"{url}/logs: is missing"
    run = RunDirectory.at(url)
    assert run.graph == f"{url}/graph" and run.examples == f"{url}/examples" and run.metrics == folder / "metrics.json"


@pytest.mark.parametrize(
    "wrong", ["s3://bucket/a//b", "s3://bucket/../other", "s4://bucket/a", "s3://key:secret@bucket/a"]
)
def test_a_url_that_names_no_run(wrong: str, s3_server: object) -> None:
    with pytest.raises(ConfigurationError, match="^s[34]://") as caught:
        local_folder(wrong)
    assert "secret" not in str(caught.value)


def test_another_machine_goes_on_from_what_was_sent(url: str, machines: Machines) -> None:
    with claimed(local_folder(url), "run"):
        write(url, config="a", checkpoints__one="1", checkpoints__two="2", graph__shard="large", examples__part="large")
    machines.work_on("second")
    with claimed(local_folder(url), "run"):
        assert read(url) == {"config": "a", "checkpoints/one": "1", "checkpoints/two": "2"}
        write(url, config="b", checkpoints__three="3")
        (local_folder(url) / "checkpoints" / "one").unlink()
    machines.work_on("first")
    # Of its own too what was never sent is gone.
    write(url, checkpoints__unsent="4", export__1__model="half of one")
    with claimed(local_folder(url), "run"):
        now = {name: text for name, text in read(url).items() if name.split("/")[0] not in ("graph", "examples")}
        assert now == {"config": "b", "checkpoints/two": "2", "checkpoints/three": "3"}
        assert not (local_folder(url) / "export").exists()
    assert set(contents(url)) == {"tfgrec.json", *now}


def test_files_of_the_same_size_are_told_apart(url: str, machines: Machines) -> None:
    for machine, text in (("first", "aaa"), ("second", "bbb"), ("first", "ccc"), ("second", "ddd")):
        machines.work_on(machine)
        with claimed(local_folder(url), "run"):
            write(url, metrics=text)
    machines.work_on("first")
    fetch_to_read(local_folder(url))
    assert read(url) == {"metrics": "ddd"}


def test_what_is_settled_is_fetched_once(url: str, s3_server, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_json(f"{url}/metrics.json", {})
    monkeypatch.setattr("tfgrec.run.far_files._COARSEST_CLOCK", -1.0)
    for _ in range(3):
        fetch_to_read(local_folder(url))
    assert s3_server.requests("GET", f"{url}/metrics.json") == 1


def test_what_is_of_something_else_is_refused_and_stays(url: str) -> None:
    files.write_json(f"{url}/notes.txt", "mine")
    foreign = f"^--run-dir {url}: holds files of something else .'notes.txt'"
    with pytest.raises(ConfigurationError, match=foreign), claimed(local_folder(url), "run"):
        pass
    files.delete(f"{url}/notes.txt")
    with claimed(local_folder(url), "evaluation"):
        pass
    other = f"^--run-dir {url}: is the output of tfgrec-evaluate"
    with pytest.raises(ConfigurationError, match=other), claimed(local_folder(url), "run"):
        pass


def test_what_came_beside_a_run_stays(url: str, machines: Machines) -> None:
    with claimed(local_folder(url), "run"):
        files.write_json(f"{url}/notes.txt", "mine")
        write(url, metrics="a")
    machines.work_on("second")
    with claimed(local_folder(url), "run"):
        write(url, metrics="b")
    assert {"notes.txt", "metrics"} < set(contents(url))


def test_folders_with_marks_are_claimed_by_themselves(url: str, machines: Machines) -> None:
    arm = f"{url}/arms/joint/seed-1"
    with claimed(local_folder(url), "run"):
        write(url, summary="all", export__1__assets__tfgrec_json="no mark")
        with claimed(local_folder(arm), "run"):
            write(arm, metrics="one")
    machines.work_on("second")
    fetch_to_read(local_folder(url))
    assert set(read(url)) == {"summary", "export/1/assets/tfgrec_json"}
    fetch_to_read(local_folder(arm))
    assert read(arm) == {"metrics": "one"}


def test_records_that_share_a_graph_find_it_from_everywhere(url: str, machines: Machines) -> None:
    records = f"{url}/records/0a1b"
    with claimed(local_folder(records), "run"):
        RunDirectory.at(records).link_graph(local_folder(url))
    machines.work_on("second")
    fetch_to_read(local_folder(records))
    run = RunDirectory.at(f"{url}/arms/joint", data_root=records)
    assert run.graph == f"{url}/graph" and run.examples == f"{records}/examples"


def test_two_at_once_are_told_apart(url: str, machines: Machines) -> None:
    with claimed(local_folder(url), "run"):
        machines.work_on("second")
        at_work = (
            f"^--run-dir {url}: another run is at work there, process {os.getpid()} on {socket.gethostname()}, last"
        )
        with pytest.raises(ConfigurationError, match=at_work), claimed(local_folder(url), "run"):
            pass
        machines.work_on("first")
    assert set(contents(url)) == {"tfgrec.json"}


def test_a_dead_lock_of_this_machine_does_not_count(url: str, machines: Machines) -> None:
    folder = local_folder(url)
    with only_machine(url, option="--run-dir", dead=None) as lock:
        folder.mkdir(parents=True)
        FarFiles(folder, url).hold(lock)
        # As after a kill: the lock is there, and nobody holds the folder.
        with claimed(folder, "run"):
            pass


def test_who_shows_no_sign_of_life_is_taken_for_dead(
    url: str, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = local_folder(url)
    taken_over = f"^{url}: another process has taken over this run"
    with pytest.raises(ConfigurationError, match=taken_over), claimed(first, "run"):
        machines.work_on("second")
        monkeypatch.setattr("tfgrec.run.far_lock.STALE_SECONDS", -1.0)
        with claimed(local_folder(url), "run"):
            write(url, metrics="second's")
        machines.work_on("first")
        write(url, metrics="first's")
        send_changes(first)
    assert contents(url)["metrics"] == b"second's"


def dies_after(count: int, act: Callable[..., None], counted: list[str]) -> Callable[..., None]:
    """Does what it is to do until so many calls have been counted."""

    def call(*arguments: str) -> None:
        if len(counted) == count:
            raise OutputError("killed")
        counted.append(str(arguments[-1]))
        act(*arguments)

    return call


@pytest.mark.parametrize("sent_before", range(6))
def test_wherever_sending_ends_what_vouches_is_right(
    sent_before: int, url: str, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training's newest checkpoint is one that is there, and a stage's record names files that are."""
    counted: list[str] = []
    with claimed(local_folder(url), "run"):
        write(url, **{"checkpoints__ckpt-1": "1", "checkpoints__ckpt-2": "2", "checkpoints__checkpoint": "ckpt-2"})
        send_changes(local_folder(url))
        write(url, **{"checkpoints__ckpt-3": "3", "checkpoints__checkpoint": "ckpt-3"})
        (local_folder(url) / "checkpoints" / "ckpt-1").unlink()
        write(url, **{"metrics": "0.5", "stages__evaluation": "metrics"})
        with monkeypatch.context() as patch:
            for name in ("send", "delete"):
                patch.setattr(files, name, dies_after(sent_before, getattr(files, name), counted))
            with pytest.raises(OutputError, match="killed") if sent_before < 5 else contextlib.nullcontext():
                send_changes(local_folder(url))
        found = {name: content.decode() for name, content in contents(url).items()}
        assert f"checkpoints/{found['checkpoints/checkpoint']}" in found
        assert "stages/evaluation" not in found or found["stages/evaluation"] in found


def test_a_stage_at_a_url_is_skipped_while_its_outputs_are_there(url: str, machines: Machines) -> None:
    said: list[str] = []

    def make() -> None:
        files.write_json(f"{url}/graph/generation-0000000a/shard", list(range(9)))
        files.write_json(f"{url}/graph/current.json", {"generation": "generation-0000000a"})

    def run() -> bool:
        with claimed(local_folder(url), "run"):
            log = StageLog(local_folder(url) / "stages", announce=said.append)
            return log.run("graph", inputs={"data": 1}, outputs=[f"{url}/graph"], work=make)

    assert run()
    machines.work_on("second")
    assert not run()
    record = json.loads((local_folder(url) / "stages" / "graph.json").read_text())
    assert list(record["outputs"]) == ["graph/generation-0000000a/shard"]
    files.write_json(f"{url}/graph/generation-0000000a/shard", [])
    assert run()
    assert "missing or cut short: graph/generation-0000000a/shard" in said[-2]
    assert not run()
