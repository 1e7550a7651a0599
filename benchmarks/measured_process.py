"""A command run as a process of its own, and how much memory it and its workers hold."""

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 0.1
_KILOBYTES_PER_MEGABYTE = 1024


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the process printed, and the most megabytes of any one process: without and with the pages of mapped files.

    The kernel counts what a process reads through a memory map as resident too, but gives it up when others need it.
    """

    output: str
    peak_rss_mb: float
    peak_rss_with_mapped_files_mb: float


def run_measured(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Measured:
    """Runs `python -m module arguments` to its end; `environment` is added to this process's.

    Raises:
      RuntimeError: it failed; with the end of what it said.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    peaks = [0, 0]
    watcher = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watcher.start()
    output, errors = process.communicate()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"python -m {module} ended with exit code {process.returncode}:\n{errors[-4000:]}")
    return Measured(output, *(round(peak / _KILOBYTES_PER_MEGABYTE, 1) for peak in peaks))


def _watch(process: subprocess.Popen, peaks: list[int]) -> None:
    while process.poll() is None:
        for pid in _with_descendants(process.pid):
            memory = _memory(pid)
            peaks[0] = max(peaks[0], memory.get("RssAnon", 0) + memory.get("RssShmem", 0))
            peaks[1] = max(peaks[1], memory.get("VmRSS", 0))
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _with_descendants(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in children.read_text().split():
                yield from _with_descendants(int(child))
        except OSError:
            continue


def _memory(pid: int) -> dict[str, int]:
    """Kilobytes of a process by kind; nothing where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    split = (line.split(":") for line in lines if line.startswith(("VmRSS", "Rss")))
    return {name: int(value.split()[0]) for name, value in split}
