"""Files of object stores on this machine: fetched once a host, checked, and shared by all its processes."""

import contextlib
import fcntl
import functools
import hashlib
import mmap
import os
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
from pyarrow import fs

from tfgrec import files
from tfgrec.cache_folder import BOUND_VARIABLE, FOLDER_VARIABLE, CacheFolder, Note, close
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.file_systems import place_of
from tfgrec.files import StrPath
from tfgrec.user_cache import user_cache

_DEFAULT_GB = "100"
_BLOCK_BYTES = 1 << 23


class _Entry(NamedTuple):
    """A file at a URL; its key is the same wherever the same bytes are known to be."""

    key: str
    url: str
    bytes: int
    sha256: str | None


class ShardCache:
    """A bounded local cache of files that lie at URLs; any number of processes and threads may use one folder.

    A file is fetched by one process while others wait. Its bytes and its checksum are compared while it is fetched.
    Before each use its size, modification time and inode are compared with those of its last check; where they differ,
    its checksum is computed anew, and if that differs too, it is fetched again. To make room, what was not used for the
    longest time is removed, unless a process uses it now.

    Args:
      folder: on a disk of this machine; it is made if need be. What is there and not the cache's is left alone.
      max_bytes: of all files in it.
    """

    def __init__(self, *, folder: StrPath, max_bytes: int) -> None:
        self._folder = CacheFolder(folder, max_bytes)

    @classmethod
    @functools.cache
    def of_host(cls) -> "ShardCache":
        """The cache that all processes of this user on this machine share, as TFGREC_CACHE_DIR and TFGREC_CACHE_GB say.

        Raises:
          ConfigurationError: TFGREC_CACHE_GB is no number above zero.
        """
        text = os.environ.get(BOUND_VARIABLE) or _DEFAULT_GB
        try:
            max_bytes = int(float(text) * 10**9)
        except (ValueError, OverflowError):
            max_bytes = 0
        if max_bytes <= 0:
            raise ConfigurationError(f"environment variable {BOUND_VARIABLE}: '{text}' is no number above zero")
        return cls(folder=os.environ.get(FOLDER_VARIABLE) or user_cache("shards"), max_bytes=max_bytes)

    def map(self, url: str, *, bytes: int | None = None, sha256: str | None = None) -> pa.Buffer:
        """The contents of a file, mapped; it stays in the cache for as long as anything made of the buffer lives.

        Args:
          url: where it lies.
          bytes: how many it must have, where known.
          sha256: of its contents, where known. URLs with the same checksum share one file here.

        Raises:
          InputDataError: it can't be read, or is not what was expected; names the URL.
          OutputError: the disk is full, or all in the cache is in use and leaves no room.
        """
        number = self._acquire(_entry(url, bytes, sha256))
        if os.fstat(number).st_size == 0:
            close(number)
            return pa.py_buffer(b"")
        # It has the file open a second time; the lock ends when both are closed.
        mapped = mmap.mmap(number, 0, access=mmap.ACCESS_READ)
        os.close(number)
        return pa.py_buffer(mapped)

    @contextlib.contextmanager
    def leased(self, url: str, *, bytes: int | None = None, sha256: str | None = None) -> Iterator[str]:
        """The path of a local copy, which stays in the cache for as long as the block runs; see `map`."""
        entry = _entry(url, bytes, sha256)
        number = self._acquire(entry)
        try:
            yield self._folder.file(entry.key, "data")
        finally:
            close(number)

    def _acquire(self, entry: _Entry) -> int:
        """Opens the checked data of an entry under a shared lock, fetched if need be; gives the file's number."""
        with self._folder.explained():
            number = self._open_checked(entry)
            if number is not None:
                return number
            with self._folder.alone(entry.key):
                # Others may have fetched it meanwhile.
                number = self._open_checked(entry)
                number = self._open_rechecked(entry) if number is None else number
                return self._fetch(entry) if number is None else number

    def _open_checked(self, entry: _Entry) -> int | None:
        """The data where they are as they were at their last check."""
        number = self._folder.open_shared(entry.key)
        if number is None:
            return None
        note = self._folder.note(entry.key)
        if note is not None and note == Note.of(number, entry.sha256 or note.sha256):
            self._folder.touch(entry.key)
            return number
        close(number)
        return None

    def _open_rechecked(self, entry: _Entry) -> int | None:
        """The data where their checksum is the one expected; else they are removed."""
        number = self._folder.open_shared(entry.key)
        if number is None:
            return None
        note = self._folder.note(entry.key)
        expected = entry.sha256 or (note and note.sha256)
        if files.checksum(self._folder.file(entry.key, "data")) == expected:
            self._folder.write_note(entry.key, Note.of(number, expected))
            return number
        self._folder.remove(entry.key, "data", "note")
        close(number)
        return None

    def _fetch(self, entry: _Entry) -> int:
        path = self._folder.file(entry.key, "part")
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self._folder.reserve(entry.key, number, entry.bytes)
            note = _copied(entry, number)
            # Known to readers before the data are.
            self._folder.write_note(entry.key, note)
            # Before they can be evicted.
            fcntl.flock(number, fcntl.LOCK_SH)
            os.rename(path, self._folder.file(entry.key, "data"))
        except BaseException:
            self._folder.remove(entry.key, "part", "note")
            close(number)
            raise
        return number


def _entry(url: str, size: int | None, sha256: str | None) -> _Entry:
    """What is looked for; where its checksum is not known, its key is of the URL and what the store tells of it now."""
    if size is not None and sha256 is not None:
        return _Entry(sha256, url, size, sha256)
    system, inner = place_of(url)
    try:
        [info] = system.get_file_info([inner])
    except OSError as error:
        raise InputDataError(f"{url}: can't be read: {error}") from error
    if info.type != fs.FileType.File:
        raise InputDataError(f"{url}: is missing")
    if size is not None and size != info.size:
        raise InputDataError(f"{url}: is damaged: it has {info.size} bytes, expected {size}")
    told = f"{url}\n{info.size}\n{info.mtime_ns}"
    return _Entry(sha256 or hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest(), url, info.size, sha256)


def _copied(entry: _Entry, number: int) -> Note:
    """Copies what is at the URL to an open file of its size, a second time if it came damaged.

    Raises:
      InputDataError: it can't be read, or came damaged twice.
    """
    for _ in range(2):
        os.lseek(number, 0, os.SEEK_SET)
        digest, copied = hashlib.sha256(), 0
        for block in _blocks(entry.url):
            digest.update(block)
            copied += len(block)
            if copied > entry.bytes:
                break
            _write(number, block)
        if copied == entry.bytes and digest.hexdigest() == (entry.sha256 or digest.hexdigest()):
            os.fsync(number)
            # Not now: what anybody writes from now on shall have another time, however coarse the disk's clock is.
            past = os.fstat(number).st_mtime_ns - 10 * 10**9
            os.utime(number, ns=(past, past))
            return Note.of(number, digest.hexdigest())
    state = "its checksum is another" if copied == entry.bytes else f"it does not have {entry.bytes} bytes"
    raise InputDataError(f"{entry.url}: is damaged: {state}, fetched twice")


def _blocks(url: str) -> Iterator[bytes]:
    try:
        with files.open_to_read(url, buffered=False) as source:
            while block := source.read(_BLOCK_BYTES):
                yield block
    except OSError as error:
        raise InputDataError(f"{url}: can't be read: {error}") from error


def _write(number: int, block: bytes) -> None:
    view = memoryview(block)
    while len(view):
        view = view[os.write(number, view) :]
