"""Threads that read a graph together, and one at a time that changes it."""

import contextlib
import threading
from collections.abc import Iterator


class ReadWriteLock:
    """Many readers or one writer; a writer that waits goes before readers that come after it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers, self._writing, self._waiting = 0, False, 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Around what must not see a change half made."""
        with self._changed:
            self._changed.wait_for(lambda: not self._writing and not self._waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Around a change."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._writing and not self._readers)
            self._waiting -= 1
            self._writing = True
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
