"""Checks of the machine: Python, glibc, processor cores, memory, disk, GPU hardware."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tfgrec.environment.finding import Finding

GIBIBYTE = 2**30
MEMORY_FOR_COMFORT = 4 * GIBIBYTE
DISK_FOR_COMFORT = 10 * GIBIBYTE
DISK_NEEDED = GIBIBYTE

# (oldest Python, newest Python, glibc): setup.py has the packages of each, docs/compatibility.md the reasons.
STACKS = {"A": ((3, 10), (3, 10), (2, 28)), "B": ((3, 11), (3, 13), (2, 39))}


def check_python(version: Sequence[int]) -> Finding:
    """Tells whether tfgrec runs on this Python (`sys.version_info`)."""
    found = ".".join(str(part) for part in version[:3])
    if stack_of(version) is None:
        return Finding("Python", found, "mend", "tfgrec runs on Python 3.10 to 3.13: run `make setup`")
    return Finding("Python", found)


def check_stack(version: Sequence[int], glibc: tuple[int, int] | None) -> Finding:
    """Tells which of the two tested stacks is in use and whether the machine's C library can carry it.

    Args:
      version: Python's version.
      glibc: the C library's version; None where it is another one than glibc.
    """
    stack = stack_of(version)
    if stack is None:
        return Finding("stack", "none for this Python", "mend", "run `make setup`: it chooses Python and packages")
    needed = STACKS[stack][2]
    if glibc is None:
        advice = "the packages of TFX exist for Linux with glibc alone: use a Linux container"
        return Finding("stack", f"{stack}, without glibc", "mend", advice)
    found = f"{stack}, glibc {glibc[0]}.{glibc[1]}"
    if glibc < needed:
        advice = (
            f"stack {stack} needs glibc {needed[0]}.{needed[1]} (B: Ubuntu 24.04, Debian 13): "
            "take Python 3.10 (stack A; `make setup` does so) or a newer system"
        )
        return Finding("stack", found, "mend", advice)
    return Finding("stack", found)


def stack_of(version: Sequence[int]) -> str | None:
    """Returns the name of the stack for a version of Python, None if there is none."""
    for name, (oldest, newest, _) in STACKS.items():
        if oldest <= tuple(version[:2]) <= newest:
            return name
    return None


def glibc_version() -> tuple[int, int] | None:
    """Returns this machine's glibc version, None where there is no glibc."""
    name, version = platform.libc_ver()
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if name == "glibc" and match else None


def check_cores() -> Finding:
    """Counts the processor cores that this process may use."""
    return Finding("cores", str(len(os.sched_getaffinity(0))))


def check_memory(meminfo: str) -> Finding:
    """Reads the memory from the text of /proc/meminfo."""
    sizes = {key: int(kibibytes) * 1024 for key, kibibytes in re.findall(r"^(\w+):\s+(\d+) kB$", meminfo, re.M)}
    total, available = sizes["MemTotal"], sizes["MemAvailable"]
    found = f"{in_gibibytes(available)} of {in_gibibytes(total)} GiB free"
    if available < MEMORY_FOR_COMFORT:
        return Finding("memory", found, "note", "`training.batch_size` and Beam's number of workers set what is needed")
    return Finding("memory", found)


def check_disk(folder: Path) -> Finding:
    """Reads the free space where runs are written by default."""
    free = shutil.disk_usage(folder).free
    found = f"{in_gibibytes(free)} GiB free in {folder}"
    if free < DISK_NEEDED:
        return Finding("disk", found, "mend", "make room, or give --run-dir a folder on another disk")
    if free < DISK_FOR_COMFORT:
        return Finding("disk", found, "note", "graph stores and records take room: --run-dir may be on another disk")
    return Finding("disk", found)


def gpu_hardware() -> list[str]:
    """Returns the names of the NVIDIA GPUs that the driver knows, whether TensorFlow can use them or not."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        run = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU \d+: (.*?)(?: \(UUID.*)?$", run.stdout, re.M) if run.returncode == 0 else []


def in_gibibytes(size: int) -> str:
    """Writes a number of bytes in GiB."""
    return f"{size / GIBIBYTE:.1f}"
