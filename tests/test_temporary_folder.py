"""What a command leaves among the temporary files is gone once it has ended, however it ended."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tfgrec.temporary_folder import own_temporary_folder

COMMAND = """
import subprocess, sys, tempfile, time
from tfgrec.entry_point import entry_point

@entry_point
def main(arguments):
    tempfile.mkdtemp()
    subprocess.run([sys.executable, "-c", "import tempfile; tempfile.mkstemp()"], check=True)
    print(tempfile.gettempdir(), flush=True)
    if arguments == "fails":
        raise ValueError
    if arguments == "waits":
        time.sleep(600)

main(sys.argv[1])
"""


def start(folder: Path, how: str) -> subprocess.Popen:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, how],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that is no command's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("how", ["ends", "fails"])
def test_nothing_is_left(how: str, shared: Path) -> None:
    said, _ = start(shared, how).communicate(timeout=60)
    assert Path(said.strip()).parent == shared
    assert not list(shared.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_by_one_that_was_killed(number: signal.Signals, shared: Path) -> None:
    command = start(shared, "waits")
    own = Path(command.stdout.readline().strip())
    assert len(list(own.iterdir())) == 2
    os.killpg(command.pid, number)
    assert command.wait(60) == -number
    command.stdout.close()
    deadline = time.monotonic() + 30
    while list(shared.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not list(shared.iterdir())


def test_a_job_of_a_command_has_the_commands(shared: Path) -> None:
    with own_temporary_folder():
        outer = tempfile.gettempdir()
        with own_temporary_folder():
            assert tempfile.gettempdir() == os.environ["TMPDIR"] == outer
    assert tempfile.gettempdir() == str(shared) and os.environ["TMPDIR"] != outer
    assert not list(shared.iterdir())


def test_without_a_place_for_one_a_command_runs_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with own_temporary_folder():
        assert tempfile.gettempdir() == str(tmp_path / "nowhere")
