"""One run at a time below a pipeline root: two would train in one folder, or remove what the other reads."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tfgrec.errors import ConfigurationError

_FILE = "run.lock"


@contextlib.contextmanager
def only_run(root: Path) -> Iterator[bool]:
    """Holds the root for this process; makes the folder if need be. A process that dies lets go.

    Yields:
      Whether the root is held: where a disk has no locks, nobody can tell who else is at work.

    Raises:
      ConfigurationError: another run is at work there, or the folder can't be written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / _FILE).open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--pipeline-root {root}: can't be written to: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ConfigurationError(
                f"--pipeline-root {root}: another run is at work there, process {file.read().strip()}"
            ) from error
        except OSError:
            yield False
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield True
