"""The doctor's look at the machine."""

import os
import shutil

import pytest

from tfgrec.environment import machine
from tools import python_stacks

MEMINFO = """\
MemTotal:       {total} kB
MemFree:          123456 kB
MemAvailable:   {available} kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""


@pytest.mark.parametrize(
    ("version", "glibc", "status", "found"),
    [
        ((3, 10, 13), (2, 36), "ok", "A, glibc 2.36"),
        ((3, 10, 13), (2, 41), "ok", "A, glibc 2.41"),
        ((3, 10, 13), (2, 17), "mend", "A, glibc 2.17"),
        ((3, 13, 0), (2, 41), "ok", "B, glibc 2.41"),
        ((3, 11, 2), (2, 36), "mend", "B, glibc 2.36"),
        ((3, 12, 2), None, "mend", "B, without glibc"),
        ((3, 14, 0), (2, 41), "mend", "none for this Python"),
        ((3, 9, 0), (2, 41), "mend", "none for this Python"),
    ],
)
def test_stack(version, glibc, status, found):
    finding = machine.check_stack(version, glibc)
    assert (finding.status, finding.found) == (status, found)
    assert (status == "ok") == (finding.advice == "")


def test_python():
    assert machine.check_python((3, 10, 13, "final", 0)).status == "ok"
    too_new = machine.check_python((3, 14, 1, "final", 0))
    assert (too_new.found, too_new.status) == ("3.14.1", "mend")


def test_stacks_are_those_of_the_setup():
    for stack in python_stacks.STACKS:
        oldest, newest, glibc = machine.STACKS[stack.name]
        assert (min(stack.pythons), max(stack.pythons), stack.glibc) == (oldest, newest, glibc)
    assert machine.glibc_version() == python_stacks.glibc_version()


def test_memory():
    plenty = machine.check_memory(MEMINFO.format(total=16 * 2**20, available=8 * 2**20))
    assert (plenty.found, plenty.status) == ("8.0 of 16.0 GiB free", "ok")
    assert machine.check_memory(MEMINFO.format(total=16 * 2**20, available=2**20)).status == "note"


@pytest.mark.parametrize(("free", "status"), [(0.5, "mend"), (5, "note"), (50, "ok")])
def test_disk(free, status, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=int(free * machine.GIBIBYTE))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    finding = machine.check_disk(tmp_path)
    assert finding.status == status
    assert finding.found == f"{free:.1f} GiB free in {tmp_path}"


def test_cores_are_those_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5})
    assert machine.check_cores().found == "3"


def test_gpus_of_the_driver(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA A100 (UUID: GPU-1)'\necho 'GPU 1: NVIDIA A100 (UUID: GPU-2)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert machine.gpu_hardware() == ["NVIDIA A100", "NVIDIA A100"]
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed because it could not talk to the driver'\nexit 9\n")
    assert machine.gpu_hardware() == []
