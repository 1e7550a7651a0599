"""The processes of the cluster: none is left running when something goes wrong. Java is faked here."""

import subprocess
from pathlib import Path

import pytest

from tools import flink_cluster, flink_jars
from tools.python_stacks import SetupError


@pytest.fixture()
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(flink_jars, "installed_beam_version", lambda: "1.0")
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "beam-runners-flink-1.16-1.0.jar").touch()
    return str(tmp_path / "jars")


def give_java(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (folder / "bin").mkdir()
    java = folder / "bin" / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")


def running(mark: str) -> bool:
    return mark in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_a_process_that_ends_is_named_with_its_last_words(
    tmp_path: Path, jars: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'case "$*" in *TaskManagerRunner*) echo no memory; exit 1;; esac; exec sleep 61.25'
    give_java(tmp_path, monkeypatch, script)
    with pytest.raises(SetupError, match=r"(?s)task-manager-\d ended; the last lines of .*no memory"):
        flink_cluster.start(tmp_path / "cluster", jars=jars)
    assert not running("sleep 61.25")


def test_a_cluster_that_never_answers_is_stopped_with_its_workers(
    tmp_path: Path, jars: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flink_cluster, "_START_SECONDS", 0.5)
    # A TaskManager's workers are processes that it does not wait for.
    give_java(tmp_path, monkeypatch, "setsid sleep 61.75 & exec sleep 61.75")
    with pytest.raises(SetupError, match="does not answer"):
        flink_cluster.start(tmp_path / "cluster", jars=jars)
    assert not running("sleep 61.75")
    assert flink_cluster.stop(tmp_path / "cluster") == 0


def test_without_java(tmp_path: Path, jars: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="Java is not on PATH: install it"):
        flink_cluster.start(tmp_path / "cluster", jars=jars)


def test_status_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert not flink_cluster.print_status(tmp_path)
    assert capsys.readouterr().out == f"flink: no cluster runs in {tmp_path}\n"
