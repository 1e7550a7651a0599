"""A pipeline that is killed, as a user would go on with it: by the same command."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from daily_app import FIRST_DAY, ROOT, App


def start(app: App, *settings: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tfx_pipeline.local_runner", *app.arguments(FIRST_DAY, *settings)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)


def kill_when(process: subprocess.Popen, line: str) -> list[str]:
    """Reads what a process says, and kills it after a line that holds `line`; all that it said before."""
    said = []
    for text in process.stdout:
        said.append(text)
        if line in text:
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait(60) == -signal.SIGKILL, "".join(said)
    return said


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_from_there(tmp_path: Path) -> None:
    app = App(tmp_path)
    kill_when(start(app), "SubgraphExampleGen ...")
    said = kill_when(start(app), "Evaluator ...")
    assert "GraphBuilder ...\n  as in an earlier run\n" in "".join(said), "".join(said)
    assert app.run(FIRST_DAY) == 0
    states = app.states()
    assert states["GraphBuilder"] == states["SubgraphExampleGen"] == states["Trainer"] == "cached"
    assert states["Evaluator"] == states["Pusher"] == "done"
    assert len(app.versions) == 1
