"""What all benchmarks share: the option for the results' file, and the machine that they were measured on."""

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("apache-beam", "numpy", "pyarrow", "tensorflow", "tensorflow-gnn")


def benchmark_parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options of all benchmarks."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where results are written; they are printed anyway")
    return parser


def tell(results: dict[str, Any], path: Path | None) -> None:
    """Prints results, with the machine and the versions of packages beside; writes them to `path` if there is one."""
    text = json.dumps({**results, "machine": _machine()}, indent=1)
    print(text)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "load_average_of_the_last_minute": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }
