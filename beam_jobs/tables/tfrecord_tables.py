"""TFRecord files of flat tf.Examples as tables: each record is a row, each of its features a column."""

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from beam_jobs.tables.opened_files import open_decompressed
from beam_jobs.tables.table_parts import MalformedRow, PartBatch, TablePart
from beam_jobs.tfrecords.tfrecord_shards import records_in
from tfgrec.graph.rows.plain_columns import is_utf8

# What a file's columns are, and of which types, is told by so many of its records.
FIRST_RECORDS = 1_000

_LONGEST_TEXT = 1_000
_BUFFER_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class UnreadableRecord:
    """A record that can't be a row: its position in the batch, what it holds, what is wrong with it."""

    position: int
    text: str
    reason: str


class ExampleDecoder:
    """Decodes serialized tf.Examples to the wanted columns, of the types that a file's `first_records` have.

    A column is text (from bytes, which must be UTF-8), int64 or float32: a list where it is among `several`, else one
    value, null where the record has none. A wanted column that none of the first records fills is text.
    """

    def __init__(self, first_records: Sequence[bytes], columns: Sequence[str], several: Collection[str]) -> None:
        self._columns, self._several = tuple(columns), frozenset(several)
        types = _feature_types(first_records)
        schema = schema_pb2.Schema()
        for name in self._columns:
            schema.feature.add(name=name, type=types.get(name, schema_pb2.BYTES))
        self._schema = schema.SerializeToString()

    def decode(self, records: Sequence[bytes]) -> tuple[pa.RecordBatch, np.ndarray, list[UnreadableRecord]]:
        """Columns of the readable records, their positions, int64 `[num_rows]`, and the unreadable ones."""
        reasons: dict[int, str] = {}
        positions, columns = np.arange(len(records)), {name: pa.array([], pa.string()) for name in self._columns}
        try:
            decoded = _decode(records, self._schema)
        except RuntimeError:
            reasons |= _undecodable(records, 0, self._schema)
            positions = np.setdiff1d(positions, list(reasons)).astype(np.int64)
            readable = [records[position] for position in positions]
            decoded = _decode(readable, self._schema) if readable else None
        if decoded is not None:
            lists = {name: decoded.column(decoded.schema.get_field_index(name)) for name in self._columns}
            fits = self._check(lists, positions, reasons)
            positions = positions[fits]
            columns = {name: self._column(name, of.filter(pa.array(fits))) for name, of in lists.items()}
        unreadable = [
            UnreadableRecord(position, records[position].decode("utf-8", "replace")[:_LONGEST_TEXT], reason)
            for position, reason in sorted(reasons.items())
        ]
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)), positions, unreadable

    def _check(self, lists: dict[str, pa.Array], positions: np.ndarray, reasons: dict[int, str]) -> np.ndarray:
        """Which rows have no value that is no text, and no more values than wanted, bool `[num_rows]`."""
        fits = np.ones(len(positions), bool)
        for name, of in lists.items():
            lengths = _lengths(of)
            if name not in self._several:
                for row in np.flatnonzero(fits & (lengths > 1)):
                    reasons[int(positions[row])] = f"{name}: has {lengths[row]} values where one is expected"
                fits &= lengths <= 1
            for row in np.flatnonzero(fits & ~_is_text(of, lengths)):
                reasons[int(positions[row])] = f"{name}: is not UTF-8 text"
                fits[row] = False
        return fits

    def _column(self, name: str, lists: pa.Array) -> pa.Array:
        values = lists.flatten()
        values = values.cast(pa.string()) if pa.types.is_large_binary(values.type) else values
        lengths = _lengths(lists)
        if name in self._several:
            return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32()), values)
        return values.take(pa.array(np.cumsum(lengths) - 1, mask=lengths == 0))


def look_at_tfrecord(path: str) -> tuple[list[str] | None, None]:
    """The names of the features in the first records of a file; None where it has no record that is a tf.Example.

    Raises:
      InputDataError: a record is damaged.
    """
    with open_decompressed(path) as handle:
        first = list(itertools.islice(records_in(handle, path), FIRST_RECORDS))
    batches = _decodable_batches(first)
    names = list(dict.fromkeys(name for batch in batches for name in batch.schema.names))
    return (names if first else None), None


def read_tfrecord(
    part: TablePart, columns: tuple[str, ...], rows_per_batch: int, several: Collection[str]
) -> Iterator[PartBatch]:
    """The rows of a file, see ExampleDecoder."""
    with open_decompressed(part.path) as handle:
        records = records_in(pa.BufferedInputStream(handle, _BUFFER_BYTES), f"table '{part.table}': {part.path}")
        first = list(itertools.islice(records, FIRST_RECORDS))
        decoder, records, position = ExampleDecoder(first, columns, several), itertools.chain(first, records), 0
        while chunk := list(itertools.islice(records, rows_per_batch)):
            decoded, positions, unreadable = decoder.decode(chunk)
            malformed = [MalformedRow(position + of.position + 1, of.text, of.reason) for of in unreadable]
            yield PartBatch(decoded, position + positions + 1, malformed)
            position += len(chunk)


def _feature_types(records: Sequence[bytes]) -> dict[str, int]:
    """The type of each feature that a record fills: the first one's, where they differ."""
    types: dict[str, int] = {}
    for batch in _decodable_batches(records):
        for field in batch.schema:
            if not pa.types.is_null(field.type):
                types.setdefault(field.name, _TYPES[field.type.value_type])
    return types


_TYPES = {
    pa.int64(): schema_pb2.INT,
    pa.float32(): schema_pb2.FLOAT,
    pa.large_binary(): schema_pb2.BYTES,
    pa.binary(): schema_pb2.BYTES,
}


def _decode(records: Sequence[bytes], schema: bytes | None) -> pa.RecordBatch:
    """One batch of large lists; without a schema, of all features that there are.

    A decoder that has failed once fails ever after, so each batch has its own.
    """
    return ExamplesToRecordBatchDecoder(schema).DecodeBatch(list(records))


def _decodable_batches(records: Sequence[bytes]) -> Iterator[pa.RecordBatch]:
    """All features of the records, in as few batches as can be decoded, without the records that can't."""
    if not records:
        return
    try:
        yield _decode(records, None)
    except RuntimeError:
        half = len(records) // 2
        if half:
            yield from _decodable_batches(records[:half])
            yield from _decodable_batches(records[half:])


def _undecodable(records: Sequence[bytes], start: int, schema: bytes) -> Iterator[tuple[int, str]]:
    """Position and reason of each record that can't be decoded, found by halving."""
    if not records:
        return
    try:
        _decode(records, schema)
    except RuntimeError as error:
        half = len(records) // 2
        if half:
            yield from _undecodable(records[:half], start, schema)
            yield from _undecodable(records[half:], start + half, schema)
        else:
            problem = str(error).partition(": ")[2] or str(error)
            yield start, f"is no tf.Example like the first ones of its file: {problem}"


def _lengths(lists: pa.Array) -> np.ndarray:
    return pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)


def _is_text(lists: pa.Array, lengths: np.ndarray) -> np.ndarray:
    """Whether all values of each row are text where they are bytes, bool `[num_rows]`."""
    values, readable = lists.flatten(), np.ones(len(lists), bool)
    if not pa.types.is_large_binary(values.type):
        return readable
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        rows = np.repeat(np.arange(len(lists)), lengths)
        readable[rows[[not is_utf8(value) for value in values.to_pylist()]]] = False
    return readable
