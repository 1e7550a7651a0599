"""tfgrec-train and its jobs as forks of a process that has imported all that they import: started in milliseconds.

What runs is the product's code, up to how a process begins: a job is a child of the command, and ends with it, as a job
that is started anew. No TensorFlow op may run before a fork, since its threads would be lost.
"""

import contextlib
import os
import runpy
import select
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tfgrec import child_process


class Fork:
    """A child process that runs a function of this one; its output goes to a pipe, and it leads a group of its own."""

    def __init__(self, work: Callable[[], int | None]) -> None:
        self._output, written = os.pipe()
        self.pid = _fork(work, written)
        os.close(written)
        self._rest, self.lines = b"", []
        self.exit_code: int | None = None

    def fileno(self) -> int:
        """For select: there is output."""
        return self._output

    def read(self) -> list[str]:
        """The lines that it has written since the last call; ends it, so to say, where there will be no more."""
        data = os.read(self._output, 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        told = [line.decode(errors="replace") for line in lines]
        self.lines += told
        if not data:
            self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._output)
        return told

    def finish(self, seconds: float) -> int:
        """Waits until it and all that it started have ended; its exit code.

        Raises:
          AssertionError: some of them are still there after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while self.exit_code is None:
            # The pipe ends with the last process that holds it: an orphan shows.
            if not select.select([self], [], [], max(deadline - time.monotonic(), 0))[0]:
                left = members_of(self.pid)
                os.killpg(self.pid, signal.SIGKILL)
                raise AssertionError(f"still there after {seconds} s: {left}\n" + "\n".join(self.lines))
            self.read()
        # A process closes its files a moment before it is gone.
        while left := members_of(self.pid):
            assert time.monotonic() < deadline, f"orphans: {left}"
            time.sleep(0.02)
        return self.exit_code


def members_of(group: int) -> dict[int, str]:
    """The command lines of the running processes of a session, zombies aside."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == group and state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
    return found


@contextlib.contextmanager
def forked_jobs() -> Iterator[None]:
    """Has the jobs of this process be forks of it."""
    kept = child_process.subprocess
    child_process.subprocess = types.SimpleNamespace(Popen=_ForkedJob)
    try:
        yield
    finally:
        child_process.subprocess = kept


class _ForkedJob:
    """As much of subprocess.Popen as `start_module` needs; a fork has all open files."""

    def __init__(self, command: Sequence[str], pass_fds: Sequence[int]) -> None:
        parent, module = int(command[3]), command[4]

        def work() -> None:
            child_process.end_with_parent(parent)
            sys.argv[:] = command[4:]
            runpy.run_module(module, run_name="__main__", alter_sys=True)

        self._pid, self._exit_code = _fork(work, None), None

    def __enter__(self) -> "_ForkedJob":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self) -> int:
        if self._exit_code is None:
            self._exit_code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._exit_code

    def kill(self) -> None:
        # As Popen's: it may be over.
        if self._exit_code is None:
            os.kill(self._pid, signal.SIGKILL)


def _fork(work: Callable[[], int | None], output: int | None) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    exit_code = 1
    try:
        if output is not None:
            os.setsid()
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.stdout = os.fdopen(1, "w", buffering=1)
            sys.stderr = os.fdopen(2, "w", buffering=1)
            signal.signal(signal.SIGINT, signal.default_int_handler)
        exit_code = work() or 0
    except SystemExit as ended:
        exit_code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
