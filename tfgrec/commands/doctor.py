"""tfgrec-doctor: says what the machine and the environment hold, and what has to be mended.

Imports nothing but rich and packaging: it has to run where the other packages are missing or broken.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

import tfgrec
from tfgrec.environment.finding import Finding
from tfgrec.environment.framework_checks import check_frameworks, check_plain_keras
from tfgrec.environment.machine import (
    check_cores,
    check_disk,
    check_memory,
    check_python,
    check_stack,
    glibc_version,
    gpu_hardware,
    stack_of,
)
from tfgrec.environment.packages import check_lock, check_requirements, declared_requirements

MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "mend": "[red]mend[/]"}
SOMETHING_TO_MEND = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit code is 1 if something has to be mended."""
    parser = argparse.ArgumentParser(prog="tfgrec-doctor", description=__doc__.splitlines()[0].partition(": ")[2])
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(arguments)
    with Console(stderr=True).status("importing the frameworks in a process of their own"):
        findings = examine(started_with=initial_environment())
    if options.json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        show(findings, Console())
    return SOMETHING_TO_MEND if any(finding.status == "mend" for finding in findings) else 0


def examine(started_with: Mapping[str, str]) -> list[Finding]:
    """Runs all checks.

    Args:
      started_with: the environment variables before tfgrec was imported.
    """
    repository = Path(tfgrec.__file__).parents[1]
    lock = repository / "requirements" / f"stack-{(stack_of(sys.version_info) or 'none').lower()}.lock"
    return [
        check_python(sys.version_info),
        check_stack(sys.version_info, glibc_version()),
        *check_requirements(declared_requirements()),
        check_lock(lock),
        check_plain_keras(started_with),
        *check_frameworks(os.environ, gpu_hardware()),
        check_cores(),
        check_memory(Path("/proc/meminfo").read_text(encoding="ascii")),
        check_disk(Path.cwd()),
    ]


def initial_environment() -> dict[str, str]:
    """Returns the variables that this process was started with: importing tfgrec has changed `os.environ` since."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
    return {name: value for name, _, value in pairs}


def show(findings: Sequence[Finding], console: Console) -> None:
    """Prints the findings as a table, and below it what to do."""
    # Of what is too long for a narrow console nothing is cut off.
    columns = [Column(heading, overflow="fold") for heading in ("", "what", "found")]
    table = Table(*columns, box=None, pad_edge=False)
    for finding in findings:
        table.add_row(MARKS[finding.status], escape(finding.name), escape(finding.found))
    console.print(table)
    for status, title in (("note", "Worth knowing"), ("mend", "To mend")):
        advised = [finding for finding in findings if finding.status == status]
        if advised:
            console.print(f"\n{title}")
        for finding in advised:
            console.print(f"  {MARKS[status]} {escape(f'{finding.name}: {finding.advice}')}", soft_wrap=True)
    if all(finding.status != "mend" for finding in findings):
        console.print("\nNothing to mend.")


if __name__ == "__main__":
    sys.exit(main())
