"""One process at a time at work on a run at a URL, told apart by objects there: an object store has no locks.

Whoever wants a run writes an object of its own below `run.lock/`, then lists them all. If there is another one that
shows a sign of life, it gives way: of two that come at the same time one or none stays, never both. All times are the
store's own.
"""

import contextlib
import datetime
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from tfgrec import files
from tfgrec.errors import ConfigurationError, InputDataError, TfgrecError
from tfgrec.run.lock import LOCK

BEAT_SECONDS = 30.0
STALE_SECONDS = 300.0


class FarLock:
    """An object that says who is at work on a run, written anew again and again for as long as that one lives.

    Args:
      url: the run's.
      name: of the object.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url, self.name = url, name

    @classmethod
    def new(cls, url: str) -> "FarLock":
        """One that no other process has."""
        return cls(url, f"{uuid.uuid4().hex}.json")

    def write(self) -> None:
        """Shows a sign of life.

        Raises:
          OutputError: nothing can be written there.
        """
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        files.write_json(self._path, {"host": socket.gethostname(), "process": os.getpid(), "written": now})

    def check(self) -> None:
        """Looks whether the run is still held.

        Raises:
          ConfigurationError: another process has taken this one for dead.
        """
        if files.size(self._path) < 0:
            raise ConfigurationError(
                f"{self._url}: another process has taken over this run, since this one showed no sign of life for "
                f"{STALE_SECONDS:.0f} seconds or its lock was deleted: nothing more is written"
            )

    def remove(self) -> None:
        """Lets go."""
        files.delete(self._path)

    def give_way(self, *, option: str, dead: str | None) -> None:
        """Removes the locks of processes that have died, and raises where one lives.

        Args:
          option: of the command that named the run, for messages.
          dead: the name of a lock whose process is known to be dead.

        Raises:
          ConfigurationError: names who is at work.
        """
        found = files.files_below(files.join(self._url, LOCK))
        now = found[self._path].modified_ns if self._path in found else 0
        for path, file in found.items():
            silent = (now - file.modified_ns) / 1e9
            if path == self._path:
                continue
            if files.split(path)[1] == dead or silent > STALE_SECONDS:
                files.delete(path)
                continue
            holder = _holder(path)
            raise ConfigurationError(
                f"{option} {self._url}: another run is at work there, process {holder.get('process')} on "
                f"{holder.get('host')}, last seen at {holder.get('written')}; if it was killed, wait for "
                f"{STALE_SECONDS:.0f} seconds, or delete {path}"
            )

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Shows signs of life for as long as the block runs."""
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=[over], daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @property
    def _path(self) -> str:
        return files.join(self._url, LOCK, self.name)

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(BEAT_SECONDS):
            # A store that does not answer now may do so next time; a lock that was taken is not written anew.
            with contextlib.suppress(TfgrecError):
                self.check()
                self.write()


@contextlib.contextmanager
def only_machine(url: str, *, option: str, dead: str | None) -> Iterator[FarLock]:
    """Holds the run at a URL for this process; see `FarLock.give_way`.

    Raises:
      ConfigurationError: another run is at work there.
      OutputError: nothing can be written there.
    """
    lock = FarLock.new(url)
    lock.write()
    try:
        lock.give_way(option=option, dead=dead)
        with lock.beating():
            yield lock
    finally:
        lock.remove()


def _holder(path: str) -> dict[str, Any]:
    try:
        values = files.read_json(path)
    except InputDataError:
        return {}
    return values if isinstance(values, dict) else {}
