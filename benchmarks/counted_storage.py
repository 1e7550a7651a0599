"""An object store whose traffic is counted: bytes and requests, by what they are for."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import fs

from tfgrec import file_systems

# The first that is part of a path says what the file is for.
_PURPOSES = {"/work/": "shuffle", "/nodes/": "graph", "/edges/": "graph", "/data/": "tables", ".tfrecord": "records"}
_OTHER = "other"


@dataclasses.dataclass
class Traffic:
    """What went to and from the store; asking whether a file is there, or what a folder holds, moves no bytes."""

    bytes_read: int = 0
    bytes_written: int = 0
    reads: int = 0
    writes: int = 0
    questions: int = 0


@contextmanager
def counted(scheme: str) -> Iterator[dict[str, Traffic]]:
    """Counts all traffic of this process with stores of a scheme while the block runs; gives it by purpose."""
    traffic: dict[str, Traffic] = defaultdict(Traffic)
    make = file_systems.MAKERS[scheme]
    file_systems.MAKERS[scheme] = lambda bucket: fs.PyFileSystem(_Counted(make(bucket), traffic))
    try:
        yield traffic
    finally:
        file_systems.MAKERS[scheme] = make


class _Counted(fs.FileSystemHandler):
    """Asks another file system, and counts."""

    def __init__(self, system: fs.FileSystem, traffic: dict[str, Traffic]) -> None:
        self._system, self._traffic = system, traffic

    def get_type_name(self) -> str:
        return f"counted {self._system.type_name}"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        for path in paths:
            self._of(path).questions += 1
        return self._system.get_file_info(paths)

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        self._of(selector.base_dir).questions += 1
        return self._system.get_file_info(selector)

    def open_input_file(self, path: str) -> pa.NativeFile:
        self._of(path).questions += 1
        return pa.PythonFile(_CountedReads(self._system.open_input_file(path), self._of(path)), mode="r")

    open_input_stream = open_input_file

    def open_output_stream(self, path: str, metadata: Any) -> pa.NativeFile:
        self._of(path).writes += 1
        stream = self._system.open_output_stream(path, compression=None)
        return pa.PythonFile(_CountedWrites(stream, self._of(path)), mode="w")

    def copy_file(self, source: str, target: str) -> None:
        self._of(target).writes += 1
        self._system.copy_file(source, target)

    def delete_file(self, path: str) -> None:
        self._of(path).questions += 1
        self._system.delete_file(path)

    def delete_dir(self, path: str) -> None:
        self._of(path).questions += 1
        self._system.delete_dir(path)

    def _of(self, path: str) -> Traffic:
        return self._traffic[next((name for part, name in _PURPOSES.items() if part in path), _OTHER)]

    def _never(self, *_: Any) -> None:
        raise NotImplementedError("our jobs don't ask this")

    append = create_dir = delete_dir_contents = delete_root_dir_contents = move = open_append_stream = _never


class _CountedFile:
    def __init__(self, file: pa.NativeFile, traffic: Traffic) -> None:
        self._file, self._traffic = file, traffic

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._file.close()


class _CountedReads(_CountedFile):
    def read(self, size: int = -1) -> bytes:
        data = self._file.read(None if size < 0 else size)
        self._traffic.reads += 1
        self._traffic.bytes_read += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def size(self) -> int:
        return self._file.size()


class _CountedWrites(_CountedFile):
    def write(self, data: Any) -> int:
        self._traffic.bytes_written += memoryview(data).nbytes
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
