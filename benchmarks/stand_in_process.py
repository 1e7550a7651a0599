"""The stand-in for TensorFlow Serving, which the tests have, as a process of its own."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MODEL = "small"
_MODULE = Path(__file__).parents[1] / "tests" / "model_server_stand_in.py"


@contextlib.contextmanager
def stand_in(export: Path) -> Iterator[str]:
    """Serves an export as `MODEL`; yields the host:port of its gRPC."""
    with subprocess.Popen([sys.executable, str(_MODULE), str(export)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
