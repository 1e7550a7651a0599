"""Arrow record batches through a Beam shuffle: cut by partition, spilled to files, brought together by key.

A runner shuffles references to pieces of files, not rows: Beam's in-memory runner would hold a whole graph's edges in
memory, and every runner would copy them once more. Pieces are in Arrow's stream format: pickling a slice of an array
writes the whole array in older versions of Arrow.

Where the job's output lies on an object store, so do the spilled files: no disk has to be shared.
"""

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from tfgrec import files

# A set and the number of its shard.
ShardKey = tuple[str, int]
_NO_ROWS = b""
# By a bundle, before it writes.
_BYTES_HELD = 1 << 24


class SpilledPiece(NamedTuple):
    """Where a piece lies: `length` bytes of a file from `offset`; a piece without rows has no bytes."""

    path: str
    offset: int
    length: int


class GroupSpilled(beam.PTransform):
    """Collections of (key, bytes) -> (key, SpilledPieces of that key), like GroupByKey, by way of files in `folder`.

    Each collection of the tuple is spilled where it is made, not after a Flatten: the in-memory runner keeps what it
    flattens. All workers have to reach the folder, be it on a disk or on an object store; its owner deletes it once the
    pipeline is done. A bundle writes one file: if a runner does a bundle again, nobody refers to the file of the first.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, collections):
        spilled = [
            pieces | f"spill {number}" >> beam.ParDo(_Spill(self._folder)) for number, pieces in enumerate(collections)
        ]
        return spilled | "all" >> beam.Flatten() | "group" >> beam.GroupByKey()


class _Spill(beam.DoFn):
    """(key, bytes) -> (key, SpilledPiece), written before the bundle ends."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def start_bundle(self) -> None:
        self._path = files.join(self._folder, f"{uuid.uuid4().hex}.spilled")
        self._opened = contextlib.ExitStack()
        self._file: BinaryIO | None = None
        self._bytes = 0
        self._held: dict[Any, list[bytes]] = {}
        self._bytes_held = 0

    def process(self, keyed: tuple[Any, bytes]) -> Iterator[tuple[Any, SpilledPiece]]:
        key, data = keyed
        if not data:
            yield key, SpilledPiece(self._path, 0, 0)
            return
        self._held.setdefault(key, []).append(data)
        self._bytes_held += len(data)
        if self._bytes_held >= _BYTES_HELD:
            yield from self._written()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for piece in self._written():
            yield GlobalWindows.windowed_value(piece)
        self._opened.close()

    def _written(self) -> Iterator[tuple[Any, SpilledPiece]]:
        """Writes what is held, a piece a key: each is one read, which on an object store is a request."""
        if self._held and self._file is None:
            self._file = self._opened.enter_context(files.open_to_write(self._path))
        for key, held in self._held.items():
            data = b"".join(held)
            self._file.write(data)
            yield key, SpilledPiece(self._path, self._bytes, len(data))
            self._bytes += len(data)
        self._held, self._bytes_held = {}, 0


def all_shards(sets: Iterable[str], shards: int) -> beam.PTransform:
    """Every shard of every set, without rows: a shuffle forgets the shards that nothing falls into."""
    keys = [((name, shard), _NO_ROWS) for name in sets for shard in range(shards)]
    return "every shard" >> beam.Create(keys)


def split(batch: pa.RecordBatch, partitions: np.ndarray) -> Iterator[tuple[int, bytes]]:
    """Cuts a batch by the partition, an integer `[num_rows]`, of its rows; yields those that have rows."""
    if batch.num_rows == 0:
        return
    order = np.argsort(partitions, kind="stable")
    ordered = batch.take(pa.array(order))
    present, starts = np.unique(partitions[order], return_index=True)
    for partition, start, end in zip(present, starts, np.append(starts[1:], len(order)), strict=True):
        yield int(partition), _to_bytes(ordered.slice(start, end - start))


def concatenate(pieces: Iterable[SpilledPiece]) -> pa.Table | None:
    """The rows of all pieces as one table of unchunked columns; None where all pieces are empty."""
    tables = [table for data in _read(pieces) for table in _tables_of(data)]
    return pa.concat_tables(tables).combine_chunks() if tables else None


def tables_by_schema(pieces: Iterable[SpilledPiece]) -> list[pa.Table]:
    """The rows of all pieces, a table for each schema: files of one table may type a column in several ways."""
    by_schema: dict[str, list[pa.Table]] = {}
    for data in _read(pieces):
        for table in _tables_of(data):
            by_schema.setdefault(str(table.schema.remove_metadata()), []).append(table)
    return [pa.concat_tables(tables).combine_chunks() for _, tables in sorted(by_schema.items())]


def column_arrays(table: pa.Table) -> dict[str, pa.Array]:
    """The columns of a table as plain arrays."""
    return {
        name: column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _to_bytes(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _tables_of(data: bytes) -> Iterator[pa.Table]:
    """The streams that were written one after another."""
    reader = pa.BufferReader(data)
    while reader.tell() < len(data):
        yield pa.ipc.open_stream(reader).read_all()


def _read(pieces: Iterable[SpilledPiece]) -> Iterator[bytes]:
    """The bytes of pieces that have some, file by file."""
    path, file = None, None
    try:
        for piece in sorted(piece for piece in pieces if piece.length):
            if piece.path != path:
                if file is not None:
                    file.close()
                path = piece.path
                file = files.open_to_read(path, buffered=False)
            file.seek(piece.offset)
            yield file.read(piece.length)
    finally:
        if file is not None:
            file.close()
