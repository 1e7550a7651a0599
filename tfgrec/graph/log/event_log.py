"""The log of events beside a graph store: rows of tables, appended durably, cut where a store has taken them in."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from tfgrec.errors import GraphStoreError, InputDataError, OutputError
from tfgrec.files import StrPath, is_local
from tfgrec.graph.log.frames import MOST_BYTES, frame, read_frames, whole_bytes

# Keys of a store manifest's "extra": up to where the store has taken in its log.
LOG, POSITION = "log", "position"

_TABLE = b"table"
_SUFFIX = ".events"
_SEGMENT_BYTES = 64 << 20


class EventLog:
    """Reads a log. A position counts all bytes that were ever appended; files are named by where they begin.

    Args:
      path: the log's folder, which may not be there yet.
    """

    def __init__(self, path: StrPath) -> None:
        if not is_local(path):
            raise GraphStoreError(f"{path}: a log of events is appended to, so it has to lie on a local disk")
        self.path = Path(path)

    def segments(self) -> list[tuple[int, Path]]:
        """The files in their order, with the positions at which they begin."""
        if not self.path.is_dir():
            return []
        return sorted((int(file.stem), file) for file in self.path.glob(f"*{_SUFFIX}") if file.stem.isdigit())

    def end(self) -> int:
        """The position up to which there are bytes, of a half record perhaps."""
        segments = self.segments()
        return segments[-1][0] + segments[-1][1].stat().st_size if segments else 0

    def state(self) -> tuple[int, ...]:
        """What changes whenever the log does: the last file, its size, and when it was written to."""
        segments = self.segments()
        if not segments:
            return ()
        status = segments[-1][1].stat()
        return segments[-1][0], status.st_size, status.st_mtime_ns

    def read(self, position: int) -> Iterator[tuple[str, pa.RecordBatch, int]]:
        """(table, rows, end) of whole records from `position` on: `end` is where the record of the rows ends.

        Raises:
          GraphStoreError: the log is damaged, or was cut beyond the position.
        """
        segments = self.segments()
        if segments and position < segments[0][0]:
            raise GraphStoreError(
                f"{self.path}: begins at {segments[0][0]}, but the graph store knows its events up to {position} only: "
                "open the newer store that has taken them in"
            )
        following = [first for first, _ in segments[1:]] + [None]
        for (first, file), following_first in zip(segments, following, strict=True):
            if following_first is not None and following_first <= position:
                continue
            for payload, end in read_frames(file, max(position - first, 0)):
                for table, rows in _rows_of(payload):
                    yield table, rows, first + end

    def cut(self, position: int) -> None:
        """Removes the files whose events all lie before `position`; the last file stays."""
        segments = self.segments()
        for (_, file), (following_first, _) in zip(segments, segments[1:], strict=False):
            if following_first <= position:
                file.unlink(missing_ok=True)


class EventLogWriter(EventLog):
    """Appends to a log, which has one writer at a time. At its opening half a record at the end is cut off.

    Args:
      path: the log's folder; made where it is missing.
      durable: whether `append` returns only once the disk has the record (fsync). Otherwise the operating system
        writes it when it likes: a killed process loses nothing, a machine that loses its power the last seconds.

    Raises:
      GraphStoreError: another process writes to the log, or it is damaged.
    """

    def __init__(self, path: StrPath, *, durable: bool = True) -> None:
        super().__init__(path)
        self._durable = durable
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        segments = self.segments()
        if segments:
            first, file = segments[-1]
            self._open(first, file)
            os.ftruncate(self._file, whole_bytes(file))
        else:
            self._open(0, self._segment(0))
        self._size = os.fstat(self._file).st_size

    def append(self, rows: Mapping[str, pa.RecordBatch]) -> int:
        """Appends rows by table as one record: all of them are kept, or none; returns the position of its end.

        Raises:
          InputDataError: the rows take a gigabyte.
          OutputError: the disk is full; nothing is appended.
        """
        record = frame(_payload(rows))
        if self._size and self._size + len(record) > _SEGMENT_BYTES:
            self._begin_segment()
        try:
            view = memoryview(record)
            while view:
                view = view[os.write(self._file, view) :]
            if self._durable:
                os.fdatasync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise OutputError(f"{self.path}: can't be written: {error.strerror or error}") from error
        self._size += len(record)
        return self._first + self._size

    def close(self) -> None:
        """Lets another process write."""
        os.close(self._file)
        os.close(self._lock)

    def _begin_segment(self) -> None:
        first = self._first + self._size
        os.close(self._file)
        self._open(first, self._segment(first))
        self._size = 0

    def _open(self, first: int, file: Path) -> None:
        self._first = first
        self._file = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        folder = os.open(self.path, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _segment(self, first: int) -> Path:
        return self.path / f"{first:020d}{_SUFFIX}"

    def _take_lock(self) -> int:
        lock = os.open(self.path / "writer.lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 100).decode() or "another process"
            os.close(lock)
            raise GraphStoreError(f"{self.path}: is written to by {holder}: a log has one writer") from None
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()}".encode())
        return lock


def _payload(rows: Mapping[str, pa.RecordBatch]) -> bytes:
    sink = pa.BufferOutputStream()
    for table, batch in rows.items():
        batch = batch.replace_schema_metadata({_TABLE: table.encode("utf-8")})
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
    payload = sink.getvalue()
    if len(payload) >= MOST_BYTES:
        raise InputDataError(f"events: {len(payload):,} bytes at once, at most {MOST_BYTES:,} are allowed")
    return payload.to_pybytes()


def _rows_of(payload: bytes) -> Iterator[tuple[str, pa.RecordBatch]]:
    source = pa.BufferReader(payload)
    while source.tell() < len(payload):
        stream = pa.ipc.open_stream(source)
        table = stream.schema.metadata[_TABLE].decode("utf-8")
        for batch in stream:
            yield table, batch.replace_schema_metadata()
