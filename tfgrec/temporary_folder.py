"""A command's own folder for temporary files: what it, its jobs and its libraries leave there goes when it ends."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "tfgrec-command-"
_VARIABLE = "TMPDIR"
# Reads until the command closes the pipe, or the kernel does since it was killed.
_REMOVE_AT_END = 'cat > /dev/null; rm -rf -- "$0"'


@contextlib.contextmanager
def own_temporary_folder() -> Iterator[None]:
    """Gives this process, and those that it starts, a folder of their own for temporary files, and then removes it.

    A process beside this one removes it where this one is killed. Within another such folder, and where none can be
    made, nothing is changed.
    """
    folder = _made()
    if folder is None:
        yield
        return
    before, variable, process = tempfile.tempdir, os.environ.get(_VARIABLE), os.getpid()
    remover = _start_remover(folder)
    tempfile.tempdir = os.environ[_VARIABLE] = folder
    try:
        yield
    finally:
        # A fork that leaves this frame is not the one to remove it.
        if os.getpid() == process:
            tempfile.tempdir = before
            _set_variable(variable)
            shutil.rmtree(folder, ignore_errors=True)
            if remover is not None:
                remover.communicate()


def _made() -> str | None:
    with contextlib.suppress(OSError):
        parent = tempfile.gettempdir()
        if not any(part.startswith(_PREFIX) for part in Path(parent).parts):
            return tempfile.mkdtemp(prefix=_PREFIX)
    return None


def _start_remover(folder: str) -> subprocess.Popen | None:
    # Where there is no shell, what a killed command leaves stays.
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            ["/bin/sh", "-c", _REMOVE_AT_END, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # What ends the command's group does not end it.
            start_new_session=True,
        )
    return None


def _set_variable(value: str | None) -> None:
    if value is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = value
