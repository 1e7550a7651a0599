"""PyTorch Geometric on our batches, in a virtual environment of its own: an optional peer, never a dependency."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

_PACKAGES = ("torch", "torch_geometric", "numpy")
_SCRIPT = Path(__file__).with_name("pyg_step.py")


class PeerUnavailable(Exception):
    """The peer can't be installed or does not run; says why."""


def peer_python(folder: Path) -> Path:
    """The Python of a virtual environment with PyTorch Geometric in `folder`, made if it is not there.

    Raises:
      PeerUnavailable: it can't be made.
    """
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", *_PACKAGES])
        done.touch()
    return python


class PygPeer:
    """A process that trains on the batches in `batches`, round by round, see pyg_step.py.

    Raises:
      PeerUnavailable: it does not start.
    """

    def __init__(self, python: Path, batches: Path) -> None:
        command = [str(python), "-W", "ignore", str(_SCRIPT), str(batches)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        told = self._process.stdout.readline()
        if not told:
            raise PeerUnavailable(f"{' '.join(command)}: {self._process.communicate()[1][-2000:]}")
        self.about: dict[str, Any] = json.loads(told)

    def round(self) -> float:
        """Trains on all batches once; the seconds that it took."""
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def __enter__(self) -> "PygPeer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerUnavailable(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
