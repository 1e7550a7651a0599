"""A few of the kills that `make kills` makes a thousand of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_one_left_alone(tmp_path: Path) -> None:
    command = [sys.executable, "tests/kills/killed_runs.py", "--small", "--kills=5", f"--folder={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert found["kills"] == 5 and not found["problems"]
