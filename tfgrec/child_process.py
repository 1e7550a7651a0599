"""Runs a module in a process that ends when the one that started it does, however that one ends.

    python -m tfgrec.child_process PARENT MODULE [ARGUMENT ...]

A job that outlived the command that waits for it would put its output in place long after another command has begun.
"""

import ctypes
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence

# Of Linux's prctl.
_SIGNAL_WHEN_PARENT_ENDS = 1


def call_module(module: str, arguments: Sequence[str]) -> int:
    """Runs `python -m module arguments` in a process of its own that shares this one's terminal; its exit code.

    It is killed when this process ends, or is interrupted, before it.
    """
    with start_module(module, arguments) as process:
        try:
            return process.wait()
        except BaseException:
            process.kill()
            raise


def start_module(module: str, arguments: Sequence[str], files: Sequence[int] = ()) -> subprocess.Popen:
    """Starts what `call_module` runs; the process has the open `files` of this one, by their numbers."""
    command = [sys.executable, "-m", __name__, str(os.getpid()), module, *arguments]
    return subprocess.Popen(command, pass_fds=files)


def end_with_parent(parent: int) -> None:
    """Has the kernel kill this process when the process `parent`, which started it, ends."""
    # Elsewhere than on Linux there is no such call: what a lone job puts in place is whole all the same.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_SIGNAL_WHEN_PARENT_ENDS, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        # It has ended already.
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
