"""What happens to the files below a folder, as Linux's inotify tells it."""

import contextlib
import ctypes
import os
import select
import struct
from pathlib import Path

_CREATED, _MOVED_FROM, _MOVED_TO, _WRITTEN, _DELETED, _IS_FOLDER = 0x100, 0x40, 0x80, 0x8, 0x200, 0x40000000
_ALL = _CREATED | _MOVED_FROM | _MOVED_TO | _WRITTEN | _DELETED
_HEADER = struct.Struct("iIII")
_BUFFER = 1 << 16


class FileEvents:
    """Counts events below a folder: files and folders made, written to the end, renamed and removed."""

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._folders: dict[int, Path] = {}
        self._watch(folder)

    def fileno(self) -> int:
        """For select."""
        return self._file

    def count(self) -> int:
        """How many there were since the last call."""
        found = 0
        while select.select([self._file], [], [], 0)[0]:
            data, place = os.read(self._file, _BUFFER), 0
            while place < len(data):
                watch, mask, _, length = _HEADER.unpack_from(data, place)
                name = data[place + _HEADER.size : place + _HEADER.size + length].rstrip(b"\0").decode()
                place += _HEADER.size + length
                found += 1
                if mask & _IS_FOLDER and mask & (_CREATED | _MOVED_TO) and watch in self._folders:
                    self._watch(self._folders[watch] / name)
        return found

    def close(self) -> None:
        """Stops watching."""
        os.close(self._file)

    def _watch(self, folder: Path) -> None:
        """Watches a folder and those in it; one that is gone by now is left out."""
        number = self._libc.inotify_add_watch(self._file, os.fsencode(folder), _ALL)
        if number < 0:
            return
        self._folders[number] = folder
        # It may go while it is read, as a folder of unfinished work does.
        with contextlib.suppress(FileNotFoundError):
            for path in sorted(folder.iterdir()):
                if path.is_dir() and not path.is_symlink():
                    self._watch(path)
