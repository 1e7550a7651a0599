"""The small files of a run at a URL, fetched to its working folder, and sent from there in an order made for kills.

Graph and records are none of them, nor is what has a mark of its own below the run: that is claimed and sent by itself.
"""

import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tfgrec import files
from tfgrec.run.far_lock import FarLock
from tfgrec.run.lock import LOCK, AtWork, not_at_work
from tfgrec.run.working_folder import url_of

MARK = "tfgrec.json"
"""The file that says whose a folder is; the first one that is written there."""
BOOKKEEPING = (".sent.json", ".held_by")
"""Files of a working folder that are of this machine alone."""
_NOTES, _HELD_BY = BOOKKEEPING
_DATA = {"graph", "examples", LOCK}
# Where a run has folders that are claimed by themselves.
_CLAIMED_APART = {"arms", "variants", "records", "evaluations"}
_AT_ONCE = 8
# Within so many seconds two changes of an object can have the same time, told by clocks that differ.
_COARSEST_CLOCK = 60.0


class _Note(NamedTuple):
    """What a local file was when it was fetched or sent, and the object then; None where that can't be told."""

    local: list[int]
    far: list[int] | None


def fetch_to_read(folder: Path) -> None:
    """Makes a working folder what its URL says, for a command that writes nothing; other folders stay as they are.

    Where a process of this machine is at work in it, what is there is newer than what is at the URL.

    Raises:
      InputDataError: something can't be read.
    """
    url = url_of(folder)
    if url is None:
        return
    try:
        with not_at_work(folder, option="--run-dir"):
            FarFiles(folder, url).fetch()
    except AtWork:
        return


def send_changes(folder: Path) -> None:
    """Sends what has changed in a working folder that this process holds to its URL; for other folders does nothing.

    Raises:
      OutputError: it can't be written.
      ConfigurationError: another process has taken over the run.
    """
    url = url_of(folder)
    if url is not None:
        FarFiles(folder, url).send()


class FarFiles:
    """The files of one run, here and there.

    Args:
      folder: the run's working folder.
      url: where the run is.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url

    @property
    def held_by(self) -> str | None:
        """The lock of the process that holds the working folder, or held it when it died."""
        try:
            return (self._folder / _HELD_BY).read_text(encoding="utf-8")
        except OSError:
            return None

    def hold(self, lock: FarLock) -> None:
        """Keeps by which lock this process may send."""
        files.write_atomically(self._folder / _HELD_BY, lambda file: file.write(lock.name.encode()))

    def fetch(self) -> None:
        """Makes the working folder what the URL says: what was written here and never sent is gone.

        Raises:
          InputDataError: something can't be read.
        """
        length = len(self._url) + 1
        found = {path[length:]: file for path, file in files.files_below(self._url).items()}
        marked = {os.path.dirname(name) for name in found if _is_apart(name)}
        found = {name: file for name, file in found.items() if _is_small(name, marked)}
        noted, here = self._notes(), self._here()
        changed = [
            name for name, file in found.items() if name not in here or noted.get(name) != _Note(here[name], [*file])
        ]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(self._fetch, changed))
        for name in here.keys() - found.keys():
            (self._folder / name).unlink()
        _remove_empty_folders(self._folder)
        here = self._here()
        self._note({name: _Note(here[name], _settled(file)) for name, file in found.items()})

    def send(self) -> None:
        """Sends what has changed: first what is new, in the order in which it was written; then what is gone goes, and
        at last what vouches for it is replaced.

        Raises:
          OutputError: it can't be written.
          ConfigurationError: another process has taken over the run.
        """
        FarLock(self._url, self.held_by or "none").check()
        noted, here = self._notes(), self._here()
        written = sorted(here, key=lambda name: here[name][1])
        for name in (name for name in written if name not in noted):
            files.send(self._folder / name, self._there(name))
        for name in noted.keys() - here.keys():
            files.delete(self._there(name))
        for name in (name for name in written if name in noted and noted[name].local != here[name]):
            files.send(self._folder / name, self._there(name))
        kept = {name: noted[name] for name in here if name in noted and noted[name].local == here[name]}
        self._note({name: kept.get(name, _Note(local, None)) for name, local in here.items()})

    def _there(self, name: str) -> str:
        return files.join(self._url, *name.split("/"))

    def _fetch(self, name: str) -> None:
        path = self._folder / name
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            files.fetch(self._there(name), part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _here(self) -> dict[str, list[int]]:
        """What tells each small file here from one that takes its place."""
        told = {}
        for name in _names_below(self._folder):
            status = (self._folder / name).stat()
            told[name] = [status.st_size, status.st_mtime_ns, status.st_ino]
        return told

    def _notes(self) -> dict[str, _Note]:
        try:
            notes = json.loads((self._folder / _NOTES).read_text(encoding="utf-8"))
            return {name: _Note(*note) for name, note in notes.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _note(self, notes: dict[str, _Note]) -> None:
        files.write_json(self._folder / _NOTES, notes)


def _settled(file: files.FoundFile) -> list[int] | None:
    return [*file] if time.time() - file.modified_ns / 1e9 >= _COARSEST_CLOCK else None


def _names_below(folder: Path) -> Iterator[str]:
    for below, names in _walk(folder):
        yield from ((below / name).as_posix() for name in names if _is_small(name, ()))


def _folders_below(folder: Path) -> Iterator[Path]:
    return (below for below, _ in _walk(folder) if below.parts)


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders of small files, by their paths below `folder`, and the names of the files in each."""
    for parent, folders, names in os.walk(folder):
        below = Path(parent).relative_to(folder)
        if MARK in names and _is_apart((below / MARK).as_posix()):
            folders.clear()
            continue
        folders[:] = [name for name in folders if _is_small(name, ())]
        yield below, names


def _remove_empty_folders(folder: Path) -> None:
    """An object store has none: they would count as versions of a model, or as a training that has begun."""
    # Deepest first. In folders that are claimed by themselves others may be at work.
    for parent in reversed(list(_folders_below(folder))):
        if not os.listdir(folder / parent):
            os.rmdir(folder / parent)


def _is_apart(name: str) -> bool:
    """Whether a file is the mark of a folder that is claimed by itself."""
    parts = name.split("/")
    return len(parts) > 1 and parts[0] in _CLAIMED_APART and parts[-1] == MARK


def _is_small(name: str, marked: Iterable[str]) -> bool:
    """Whether a file belongs to those that are fetched and sent; `marked` are the folders with marks."""
    parts = name.split("/")
    if _DATA & set(parts) or any(part.startswith(".") or part.endswith(".dead_letters") for part in parts):
        return False
    return not any(name.startswith(f"{folder}/") for folder in marked)
