"""Which of the two stacks this machine can run, and with which Python: see docs/compatibility.md."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """One tested set of versions: its lock file, the Pythons that it runs on (best first) and the glibc it needs."""

    name: str
    lock: str
    pythons: tuple[tuple[int, ...], ...]
    glibc: tuple[int, ...]


@dataclass(frozen=True)
class Python:
    """An interpreter on this machine that can make virtual environments."""

    path: str
    version: tuple[int, ...]


STACK_A = Stack("A", "requirements/stack-a.lock", ((3, 10),), (2, 28))
STACK_B = Stack("B", "requirements/stack-b.lock", ((3, 13), (3, 12), (3, 11)), (2, 39))
STACKS = (STACK_B, STACK_A)


class SetupError(Exception):
    """The machine lacks something; the message says what to install."""


def glibc_version() -> tuple[int, ...] | None:
    """Returns this machine's glibc version; None where there is no glibc (macOS, Windows, musl)."""
    name, version = platform.libc_ver()
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if name == "glibc" and match else None


def choose(glibc: tuple[int, ...] | None, pythons: Iterable[Python], wanted: str = "") -> tuple[Stack, Python | None]:
    """Chooses the newest stack that runs here with one of `pythons`, or the `wanted` one ("A" or "B").

    The Python is None where the stack runs but none of `pythons` is of a version that it needs.

    Raises:
      SetupError: no stack (or not the wanted one) runs on this machine.
    """
    if glibc is None:
        raise SetupError("TensorFlow Extended's libraries exist for Linux with glibc alone: use a Linux container")
    names = [stack.name for stack in STACKS]
    if wanted and wanted.upper() not in names:
        raise SetupError(f"STACK={wanted}: expected {' or '.join(sorted(names))}")
    asked = [stack for stack in STACKS if not wanted or stack.name == wanted.upper()]
    possible = [stack for stack in asked if glibc >= stack.glibc]
    if not possible:
        needed = asked[-1]
        raise SetupError(f"stack {needed.name} needs glibc {dotted(needed.glibc)}, this machine has {dotted(glibc)}")
    pythons = list(pythons)
    for stack in possible:
        for version in stack.pythons:
            for python in pythons:
                if python.version == version:
                    return stack, python
    return possible[0], None


def find_pythons(paths: Iterable[str] | None = None) -> Iterator[Python]:
    """Finds the Pythons at `paths`; without it this machine's: the running one, those on PATH, and pyenv's."""
    seen = set()
    for path in _candidates() if paths is None else paths:
        python = _examine(path)
        if python and python.path not in seen:
            seen.add(python.path)
            yield python


def dotted(version: tuple[int, ...]) -> str:
    """Writes a version as people do: 3.10."""
    return ".".join(str(part) for part in version)


def _candidates() -> Iterator[str]:
    yield sys.executable
    names = ["python3"] + [f"python{dotted(version)}" for stack in STACKS for version in stack.pythons]
    for folder in os.get_exec_path():
        for name in names:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK) and not os.path.isdir(path):
                yield path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (str(path) for path in sorted(pyenv.glob("versions/3.*/bin/python3"), reverse=True))


def _examine(path: str) -> Python | None:
    """Asks the interpreter itself: a pyenv shim, a broken link and a Debian Python without venv look alike outside."""
    # A virtual environment's Python is named by the one that it was made from, which outlives it.
    code = (
        "import ensurepip, os, sys, venv; name = 'python%d.%d' % sys.version_info[:2];"
        "base = os.path.join(sys.base_prefix, 'bin', name);"
        "print(base if os.path.exists(base) else sys.executable); print(*sys.version_info[:2])"
    )
    try:
        run = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = run.stdout.splitlines()
    if run.returncode != 0 or len(lines) != 2:
        return None
    return Python(lines[0], tuple(int(part) for part in lines[1].split()))
