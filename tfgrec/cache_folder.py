"""A folder of fetched files that all processes of a machine share: their names, locks, notes and bound.

Of an entry there are, by its key: `KEY.data`, the bytes; `KEY.note`, what was true of them when they were last checked,
written anew at each use for its time; and, while one process fetches it, `KEY.lock` and `KEY.part`. Locks are those of
the kernel (`flock`): they end with their process. A reader shares a lock of its data file for as long as it reads, and
what is so locked is not evicted. Whoever needs an entry's lock and the folder's takes them in this order.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import re
from collections.abc import Iterator

from tfgrec.errors import OutputError
from tfgrec.files import StrPath

FOLDER_VARIABLE, BOUND_VARIABLE = "TFGREC_CACHE_DIR", "TFGREC_CACHE_GB"
# Nothing else in the folder is ever touched.
_OURS = re.compile(r"([0-9a-f]{64})\.(data|note|part|lock)")


@dataclasses.dataclass(frozen=True)
class Note:
    """A file's checksum, and the state that the file was in when it was computed."""

    sha256: str
    bytes: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, number: int, sha256: str) -> "Note":
        """A note of the open file with this number, of which the checksum is known."""
        state = os.fstat(number)
        return cls(sha256, state.st_size, state.st_mtime_ns, state.st_ino)


class CacheFolder:
    """The files of a cache and who may use them; see above.

    Args:
      path: the folder; it is made when something is written. No others but this user can look into it.
      max_bytes: what the data of all entries may take, those that are being fetched included.
    """

    def __init__(self, path: StrPath, max_bytes: int) -> None:
        self.path, self.max_bytes = os.fspath(path), max_bytes

    def file(self, key: str, kind: str) -> str:
        """The path of an entry's file of a kind: data, note, part or lock."""
        return os.path.join(self.path, f"{key}.{kind}")

    def note(self, key: str) -> Note | None:
        """What is noted of an entry; None where there is nothing, or half of it."""
        try:
            with open(self.file(key, "note"), encoding="utf-8") as file:
                return Note(**json.load(file))
        except (OSError, ValueError, TypeError):
            return None

    def write_note(self, key: str, note: Note) -> None:
        """Notes what is true of an entry; only who holds its lock may do so."""
        with open(self.file(key, "note"), "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(note), file)

    def touch(self, key: str) -> None:
        """Keeps for later that an entry was used just now."""
        with contextlib.suppress(OSError):
            os.utime(self.file(key, "note"))

    def open_shared(self, key: str) -> int | None:
        """Opens an entry's data under a shared lock, which keeps it until `close`; None where there is none."""
        path = self.file(key, "data")
        try:
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        fcntl.flock(number, fcntl.LOCK_SH)
        if _is_at(number, path):
            return number
        # It was evicted between the two calls.
        close(number)
        return None

    def remove(self, key: str, *kinds: str) -> None:
        """Removes files of an entry that are there."""
        for kind in kinds:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.file(key, kind))

    @contextlib.contextmanager
    def alone(self, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Holds an entry for its only fetcher; others wait, or are told False."""
        path = self.file(key, "lock")
        while True:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(number)
                yield False
                return
            if _is_at(number, path):
                break
            # Its last holder has removed it meanwhile.
            close(number)
        try:
            yield True
        finally:
            self.remove(key, "lock")
            close(number)

    def reserve(self, key: str, number: int, size: int) -> None:
        """Makes room for the data of an entry that this process holds alone, and lets its part have that size.

        Args:
          key: the entry.
          number: of its part, open and empty.
          size: in bytes.

        Raises:
          OutputError: what others use leaves no room.
        """
        if size > self.max_bytes:
            raise OutputError(f"{self.path}: one file is of {size} bytes, and {self._bound()}")
        folder = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._make_room(key, size)
            os.ftruncate(number, size)
        finally:
            close(folder)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Tells of a disk that is full, or a folder that can't be written to, what can be done.

        Raises:
          OutputError: the block raised OSError.
        """
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.path}: can't be written: {error.strerror or error}; {self._bound()}, or choose another folder "
                f"by {FOLDER_VARIABLE}"
            ) from error

    def _make_room(self, key: str, size: int) -> None:
        used, evictable = 0, []
        for other, found in self._found().items():
            if other != key and found.keys() != {"data", "note"}:
                self._clear(other, found)
            used += found["part"].st_size if "part" in found else 0
            if "data" in found:
                used += found["data"].st_size
                evictable.append((found.get("note", found["data"]).st_mtime_ns, other, found["data"].st_size))
        for _, other, bytes_of_it in sorted(evictable):
            if used + size <= self.max_bytes:
                return
            used -= bytes_of_it if self._evict(other) else 0
        if used + size > self.max_bytes:
            raise OutputError(
                f"{self.path}: has no room for {size} bytes: {used} bytes are in use by this process or others, and "
                f"{self._bound()}"
            )

    def _found(self) -> dict[str, dict[str, os.stat_result]]:
        """The files of all entries by key and kind."""
        found: dict[str, dict[str, os.stat_result]] = {}
        with os.scandir(self.path) as files:
            for file in files:
                if name := _OURS.fullmatch(file.name):
                    with contextlib.suppress(FileNotFoundError):
                        found.setdefault(name[1], {})[name[2]] = file.stat(follow_symlinks=False)
        return found

    def _clear(self, key: str, found: dict[str, os.stat_result]) -> None:
        """Removes what a fetcher left that was killed; its lock is free then."""
        with self.alone(key, wait=False) as free:
            if free:
                self.remove(key, "part")
                found.pop("part", None)
                if not os.path.exists(self.file(key, "data")):
                    self.remove(key, "note")

    def _evict(self, key: str) -> bool:
        """Removes an entry that nobody reads; False where somebody does."""
        path = self.file(key, "data")
        try:
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(number, path):
                return False
            self.remove(key, "data", "note")
            return True
        except BlockingIOError:
            return False
        finally:
            close(number)

    def _bound(self) -> str:
        told = f"the cache is bounded to {self.max_bytes} bytes"
        return f"{told}: set {BOUND_VARIABLE} (units of 10^9 bytes) to what it may take"


def close(number: int) -> None:
    """Lets go of a file's lock, and closes it."""
    # By name: a process that was forked meanwhile has the file open, too.
    fcntl.flock(number, fcntl.LOCK_UN)
    os.close(number)


def _is_at(number: int, path: str) -> bool:
    """Whether an open file is the one that has this path."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False
