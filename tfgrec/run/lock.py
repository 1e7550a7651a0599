"""One process at a time at work in a folder: two would train in one place, or remove what the other reads."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tfgrec.errors import ConfigurationError

LOCK = "run.lock"


class AtWork(ConfigurationError):
    """Another process of this machine holds a folder."""


@contextlib.contextmanager
def not_at_work(folder: Path, *, option: str) -> Iterator[None]:
    """Keeps others from holding a folder by `only_run` meanwhile, and writes nothing there.

    Any number of processes may do so at once. Where there is no lock file, or a disk has no locks, nothing is kept.

    Raises:
      ConfigurationError: a run is at work there.
    """
    try:
        file = (folder / LOCK).open(encoding="utf-8")
    except OSError:
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AtWork(f"{option} {folder}: a run is at work there, process {file.read().strip()}") from error
        except OSError:
            pass
        yield


@contextlib.contextmanager
def only_run(folder: Path, *, option: str) -> Iterator[bool]:
    """Holds a folder for this process; makes it if need be. A process that dies lets go.

    Args:
      folder: what is held.
      option: of the command that named it, for messages.

    Yields:
      Whether the folder is held: where a disk has no locks, nobody can tell who else is at work.

    Raises:
      ConfigurationError: another run is at work there, or the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{option} {folder}: can't be written to: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AtWork(f"{option} {folder}: another run is at work there, process {file.read().strip()}") from error
        except OSError:
            yield False
            return
        try:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        except OSError as error:
            raise ConfigurationError(f"{option} {folder}: can't be written to: {error.strerror}") from error
        yield True
