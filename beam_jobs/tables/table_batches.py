"""The rows of one part of a table as Arrow record batches, each row with its position in the file."""

import contextlib
import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from beam_jobs.tables.broken_text import is_signed, signed_copy, without_signs
from beam_jobs.tables.csv_quotes import QuoteChecks
from beam_jobs.tables.parquet_files import open_parquet
from beam_jobs.tables.table_files import TablePart
from beam_jobs.tables.table_formats import local_copy, open_decompressed
from beam_jobs.tables.tfrecord_tables import FIRST_RECORDS, ExampleDecoder
from beam_jobs.tfrecords.tfrecord_shards import records_in
from tfgrec.errors import InputDataError
from tfgrec.graph.rows.plain_columns import plain_columns

# Columns of a batch that are not the table's own: number of the file, position in the file.
FILE, ROW = "#file", "#row"

_CSV_BLOCK_BYTES = 8 << 20
_BUFFER_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class MalformedRow:
    """A row that is none: position in the file (the first row is row 1), its text, what is wrong with it."""

    row: int
    text: str
    reason: str


@dataclasses.dataclass(frozen=True)
class PartBatch:
    """Rows of a part: columns (text where they come from CSV or folders), positions `[num_rows]`, malformed rows."""

    columns: pa.RecordBatch
    rows: np.ndarray
    malformed: list[MalformedRow]


def read_part(
    part: TablePart, columns: tuple[str, ...], rows_per_batch: int, several: Collection[str] = ()
) -> Iterator[PartBatch]:
    """Reads a part in batches of at most `rows_per_batch` rows; `several` are the columns with several values a row.

    Raises:
      InputDataError: the file is damaged.
    """
    given = dict(part.folder_columns)
    wanted = tuple(name for name in columns if name not in given)
    where = f"table '{part.table}': {part.path}"
    try:
        if part.format == "parquet":
            with FileSystems.open(part.path, compression_type=CompressionTypes.UNCOMPRESSED) as handle:
                batches = _read_parquet(handle, part, wanted, rows_per_batch)
                yield from (_with_folder_columns(batch, given) for batch in batches)
            return
        with local_copy(part.path) as copy, contextlib.ExitStack() as opened:
            checks = QuoteChecks()
            if part.format == "csv":
                with open_decompressed(part.path, copy) as handle:
                    if checks.check(handle) == 0:
                        return
            handle = opened.enter_context(open_decompressed(part.path, copy))
            if not checks.is_utf8:
                handle = opened.enter_context(signed_copy(handle))
            if part.format == "csv":
                batches = _read_csv(handle, wanted, rows_per_batch, signed=not checks.is_utf8)
            else:
                batches = _read_tfrecord(handle, where, wanted, rows_per_batch, several)
            yield from (_with_folder_columns(batch, given) for batch in batches)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise InputDataError(f"{where}: can't be read: {error}") from error
    except InputDataError as error:
        raise InputDataError(str(error) if part.path in str(error) else f"{where}: {error}") from error


def _with_folder_columns(batch: PartBatch, given: Mapping[str, str | None]) -> PartBatch:
    if not given:
        return batch
    columns = dict(zip(batch.columns.schema.names, batch.columns.columns, strict=True))
    columns |= {name: pa.array([value] * len(batch.rows), pa.string()) for name, value in given.items()}
    placed = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return dataclasses.replace(batch, columns=placed)


def _read_parquet(
    handle: object, part: TablePart, columns: tuple[str, ...], rows_per_batch: int
) -> Iterator[PartBatch]:
    position = part.rows_before
    file = open_parquet(handle, columns)
    for batch in file.iter_batches(rows_per_batch, row_groups=[part.row_group], columns=list(columns)):
        rows = np.arange(position + 1, position + batch.num_rows + 1)
        position += batch.num_rows
        batch, broken = plain_columns(batch)
        malformed = [MalformedRow(int(row), "", "is not UTF-8 text") for row in rows[broken]]
        yield PartBatch(batch.filter(pa.array(~broken)), rows[~broken], malformed)


def _read_tfrecord(
    handle: pa.NativeFile, where: str, columns: tuple[str, ...], rows_per_batch: int, several: Collection[str]
) -> Iterator[PartBatch]:
    records = records_in(pa.BufferedInputStream(handle, _BUFFER_BYTES), where)
    first = list(itertools.islice(records, FIRST_RECORDS))
    decoder, records, position = ExampleDecoder(first, columns, several), itertools.chain(first, records), 0
    while chunk := list(itertools.islice(records, rows_per_batch)):
        decoded, positions, unreadable = decoder.decode(chunk)
        malformed = [MalformedRow(position + of.position + 1, of.text, of.reason) for of in unreadable]
        yield PartBatch(decoded, position + positions + 1, malformed)
        position += len(chunk)


def _read_csv(
    handle: pa.NativeFile, columns: tuple[str, ...], rows_per_batch: int, *, signed: bool
) -> Iterator[PartBatch]:
    numbering = _RowNumbering()
    blocks = pa_csv.open_csv(
        handle,
        # One thread: only so does Arrow tell the position of a malformed row.
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=numbering.skip),
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(columns),
            column_types={name: pa.string() for name in columns},
            strings_can_be_null=True,
            null_values=[""],
            check_utf8=False,
        ),
    )
    for block in blocks:
        for start in range(0, block.num_rows, rows_per_batch):
            batch = block.slice(start, rows_per_batch)
            read = PartBatch(batch, numbering.next(batch.num_rows), numbering.take_malformed())
            yield _without_broken(read) if signed else read
    malformed = numbering.take_malformed()
    if malformed:
        yield PartBatch(_no_rows(columns), np.empty(0, np.int64), malformed)


class _RowNumbering:
    """Numbers the rows that Arrow's CSV reader gives out, which leaves malformed ones out and tells of them."""

    def __init__(self) -> None:
        self._next = 1
        self._skipped: list[int] = []
        self._malformed: list[MalformedRow] = []

    def skip(self, row: pa_csv.InvalidRow) -> str:
        """Arrow's handler of rows with too few or too many cells; counts from the header, which is 1."""
        reason = f"has {row.actual_columns} cells where the header has {row.expected_columns}"
        self._malformed.append(MalformedRow(row.number - 1, without_signs(row.text), reason))
        self._skipped.append(row.number - 1)
        return "skip"

    def next(self, count: int) -> np.ndarray:
        """Positions of the next `count` well-formed rows."""
        self._skipped = [row for row in self._skipped if row >= self._next]
        candidates = np.arange(self._next, self._next + count + len(self._skipped))
        rows = candidates[~np.isin(candidates, self._skipped)][:count]
        if count:
            self._next = int(rows[-1]) + 1
        return rows

    def take_malformed(self) -> list[MalformedRow]:
        """The malformed rows met since the last call."""
        malformed, self._malformed = self._malformed, []
        return malformed


def _without_broken(read: PartBatch) -> PartBatch:
    """Takes out rows whose text is not UTF-8."""
    broken = is_signed(read.columns)
    texts = [",".join(cell or "" for cell in row.values()) for row in read.columns.filter(pa.array(broken)).to_pylist()]
    malformed = [
        MalformedRow(int(row), without_signs(text), "is not UTF-8 text")
        for row, text in zip(read.rows[broken], texts, strict=True)
    ]
    return PartBatch(read.columns.filter(pa.array(~broken)), read.rows[~broken], [*read.malformed, *malformed])


def _no_rows(columns: Iterable[str]) -> pa.RecordBatch:
    names = list(columns)
    return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names=names)
