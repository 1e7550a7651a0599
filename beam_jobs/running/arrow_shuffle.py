"""Arrow record batches through a Beam shuffle: cut by partition, spilled to files, brought together by key.

A runner shuffles references to pieces of files, not rows: Beam's in-memory runner would hold a whole graph's edges in
memory, and every runner would copy them once more. Pieces are in Arrow's stream format: pickling a slice of an array
writes the whole array in older versions of Arrow.
"""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

# A set and the number of its shard.
ShardKey = tuple[str, int]
_NO_ROWS = b""


class SpilledPiece(NamedTuple):
    """Where a piece lies: `length` bytes of a file from `offset`; a piece without rows has no bytes."""

    path: str
    offset: int
    length: int


class GroupSpilled(beam.PTransform):
    """Collections of (key, bytes) -> (key, SpilledPieces of that key), like GroupByKey, by way of files in `folder`.

    Each collection of the tuple is spilled where it is made, not after a Flatten: the in-memory runner keeps what it
    flattens. All workers have to reach the folder; its owner deletes it once the pipeline is done. A bundle writes one
    file: if a runner does a bundle again, nobody refers to the file of the first try.
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
        self._path = FileSystems.join(self._folder, f"{uuid.uuid4().hex}.spilled")
        self._file: BinaryIO | None = None
        self._bytes = 0

    def process(self, keyed: tuple[Any, bytes]) -> Iterator[tuple[Any, SpilledPiece]]:
        key, data = keyed
        if data and self._file is None:
            self._file = FileSystems.create(self._path, "application/octet-stream", CompressionTypes.UNCOMPRESSED)
        if data:
            self._file.write(data)
        yield key, SpilledPiece(self._path, self._bytes, len(data))
        self._bytes += len(data)

    def finish_bundle(self) -> None:
        if self._file is not None:
            self._file.close()


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
    tables = [pa.ipc.open_stream(data).read_all() for data in _read(pieces)]
    return pa.concat_tables(tables).combine_chunks() if tables else None


def tables_by_schema(pieces: Iterable[SpilledPiece]) -> list[pa.Table]:
    """The rows of all pieces, a table for each schema: files of one table may type a column in several ways."""
    by_schema: dict[str, list[pa.Table]] = {}
    for data in _read(pieces):
        table = pa.ipc.open_stream(data).read_all()
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


def _read(pieces: Iterable[SpilledPiece]) -> Iterator[bytes]:
    """The bytes of pieces that have some, file by file."""
    path, file = None, None
    try:
        for piece in sorted(piece for piece in pieces if piece.length):
            if piece.path != path:
                if file is not None:
                    file.close()
                path = piece.path
                file = FileSystems.open(path, "application/octet-stream", CompressionTypes.UNCOMPRESSED)
            file.seek(piece.offset)
            yield file.read(piece.length)
    finally:
        if file is not None:
            file.close()
