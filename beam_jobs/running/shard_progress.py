"""How far a job is, told by the files that it has finished: works on any runner."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from tfgrec import files

OnProgress = Callable[[int, int], None]

_SECONDS_BETWEEN_LOOKS = 0.5
# Each look at an object store is a request.
_SECONDS_BETWEEN_FAR_LOOKS = 5.0


@contextlib.contextmanager
def watch_files(folders: Sequence[str], suffix: str, total: int, on_progress: OnProgress | None) -> Iterator[None]:
    """Calls `on_progress(files there are, total)` from a thread while the block runs, and once at its end.

    Counted are the files below `folders` whose names end with `suffix`.
    """
    if on_progress is None:
        yield
        return
    done = threading.Event()
    seconds = _SECONDS_BETWEEN_LOOKS if all(map(files.is_local, folders)) else _SECONDS_BETWEEN_FAR_LOOKS

    def look() -> None:
        while not done.wait(seconds):
            on_progress(min(_count(folders, suffix), total), total)

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    on_progress(total, total)


def _count(folders: Sequence[str], suffix: str) -> int:
    return sum(path.endswith(suffix) for folder in folders for path in files.files_below(folder))
