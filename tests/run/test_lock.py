"""One run at a time in a folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfgrec.errors import ConfigurationError
from tfgrec.run.lock import only_run

HOLDER = """
import sys, time
from pathlib import Path
from tfgrec.run.lock import only_run

with only_run(Path(sys.argv[1]), option="--run-dir"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    root = tmp_path / "new" / "root"
    with only_run(root, option="--run-dir") as held:
        assert held
        told = re.escape(f"{root}: another run is at work there, process {os.getpid()}")
        with pytest.raises(ConfigurationError, match=told + "$"), only_run(root, option="--run-dir"):
            pass
    with only_run(root, option="--run-dir") as held:
        assert held


def test_a_run_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConfigurationError, match=f"process {other.pid}$"), only_run(tmp_path, option="--run-dir"):
            pass
    finally:
        other.kill()
        other.wait(60)
        other.stdout.close()
    with only_run(tmp_path, option="--run-dir") as held:
        assert held


def test_a_root_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = r"--pipeline-root .*file: can't be written to: "
    with pytest.raises(ConfigurationError, match=told), only_run(tmp_path / "file", option="--pipeline-root"):
        pass


def test_a_disk_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(file: object, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("tfgrec.run.lock.fcntl.flock", no_locks)
    with only_run(tmp_path, option="--run-dir") as held:
        assert not held
