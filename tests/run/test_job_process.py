"""Jobs of one process: each apart from the others, and what they import imported once."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfgrec.run.job_process import JobProcess
from tfgrec.run.stage_log import StageFailed

JOB = """
import os, sys
with open("imported", "a") as file:
    file.write(f"{os.getpid()}\\n")
STATE = []

def main(arguments):
    STATE.append(arguments[0])
    with open("jobs", "a") as file:
        file.write(f"{os.getpid()} {os.getppid()} {STATE} {sys.argv}\\n")
    if arguments[0] == "kill":
        os.kill(os.getpid(), 9)
    return int(arguments[1])
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobProcess]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "broken.py").write_text("import no_such_module")
    with contextlib.closing(JobProcess()) as process:
        yield process


def test_a_job_is_a_fork_of_the_process_that_imported_it(jobs: JobProcess, tmp_path: Path) -> None:
    jobs.run("job", "first", "0")
    for argument, exit_code in (("end", 3), ("kill", 137)):
        with pytest.raises(StageFailed, match=f"job ended with exit code {exit_code}") as failure:
            jobs.run("job", argument, "3")
        assert failure.value.exit_code == exit_code
    jobs.run("job", "last", "0")
    done = [line.split(" ", 2) for line in (tmp_path / "jobs").read_text().splitlines()]
    assert [state for _, _, state in done] == [
        f"['{name}'] ['job', '{name}', '{code}']" for name, code in (("first", 0), ("end", 3), ("kill", 3), ("last", 0))
    ]
    imported = (tmp_path / "imported").read_text().split()
    assert len({job for job, _, _ in done}) == 4 and {parent for _, parent, _ in done} == set(imported)
    assert len(imported) == 1


def test_a_job_that_cannot_be_imported_fails_and_the_next_one_runs(jobs: JobProcess, tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="broken ended with exit code 1"):
        jobs.run("broken")
    jobs.run("job", "next", "0")
    assert "next" in (tmp_path / "jobs").read_text()
