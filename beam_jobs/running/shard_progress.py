"""How far a job is, told by the files that it has finished: works on any runner."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from apache_beam.io.filesystems import FileSystems

OnProgress = Callable[[int, int], None]

_SECONDS_BETWEEN_LOOKS = 0.5


@contextlib.contextmanager
def watch_files(patterns: Sequence[str], total: int, on_progress: OnProgress | None) -> Iterator[None]:
    """Calls `on_progress(files there are, total)` from a thread while the block runs, and once at its end."""
    if on_progress is None:
        yield
        return
    done = threading.Event()

    def look() -> None:
        while not done.wait(_SECONDS_BETWEEN_LOOKS):
            on_progress(min(_count(patterns), total), total)

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    on_progress(total, total)


def _count(patterns: Sequence[str]) -> int:
    return sum(len(match.metadata_list) for match in FileSystems.match(list(patterns)))
