"""Files whose bytes are hashed while they are written, so that nobody has to read them again to vouch for them."""

import hashlib
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

from tfgrec.files import StrPath, write_atomically


class WrittenFile(NamedTuple):
    """A finished file: its size and the SHA-256 of its bytes, as `sha256sum` prints it."""

    bytes: int
    sha256: str


class HashedFile:
    """Writes to a file, and tells the bytes and the SHA-256 of all that was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """As `sha256sum` prints it."""
        return self._digest.hexdigest()

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._file.closed

    def write(self, data: Any) -> int:
        """Writes bytes, or what holds some; returns how many."""
        self._digest.update(data)
        self.bytes += memoryview(data).nbytes
        return self._file.write(data)

    def flush(self) -> None:
        """Hands to the system what is held."""
        self._file.flush()


def write_hashed(path: StrPath, write: Callable[[HashedFile], None]) -> WrittenFile:
    """Like `write_atomically`; tells what was written.

    Raises:
      OutputError: the file can't be written, for example since the disk is full.
    """
    written: list[HashedFile] = []

    def write_all(file: BinaryIO) -> None:
        written.append(HashedFile(file))
        write(written[0])

    write_atomically(path, write_all)
    return WrittenFile(written[0].bytes, written[0].sha256)
