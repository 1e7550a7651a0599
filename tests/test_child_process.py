"""A job ends with the command that waits for it, whatever ends that one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

JOB = """
import os, sys, time
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""
WAITS = "from tfgrec.child_process import call_module; call_module('job', sys.argv[1:])"
FORKS = "from tfgrec.run.job_process import JobProcess; JobProcess().run('forked', *sys.argv[1:])"
FORKED = "import runpy\ndef main(arguments):\n    runpy.run_module('job')"
COMMAND = """
import signal, sys
# A shell's background jobs are started deaf to interrupts, and so are their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def wait_until(holds) -> bool:
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def is_running(process: int) -> bool:
    """Whether there is such a process, one that nobody has waited for yet aside."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("call", [WAITS, FORKS])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP])
def test_a_job_ends_with_its_command(number: signal.Signals, call: str, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "forked.py").write_text(FORKED)
    started = tmp_path / "started"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND + call, str(started)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        assert wait_until(started.exists)
        job = int(started.read_text())
        assert is_running(job)
        command.send_signal(number)
        command.wait(60)
    finally:
        command.kill()
        command.wait()
    assert wait_until(lambda: not is_running(job))


def test_a_job_whose_command_has_ended_before_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    nobody = str(os.getpid() + 1)
    command = [sys.executable, "-m", "tfgrec.child_process", nobody, "job", str(tmp_path / "started")]
    assert subprocess.run(command, env=environment, timeout=60).returncode == -signal.SIGKILL
    assert not (tmp_path / "started").exists()
