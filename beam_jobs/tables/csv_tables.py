"""CSV files as tables: cells as text, malformed rows told of one by one."""

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from beam_jobs.tables.broken_text import is_signed, signed_copy, without_signs
from beam_jobs.tables.csv_quotes import QuoteChecks
from beam_jobs.tables.opened_files import local_copy, open_decompressed
from beam_jobs.tables.table_parts import MalformedRow, PartBatch, TablePart

_BLOCK_BYTES = 8 << 20
_LONGEST_HEADER_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_ROW = re.compile(rb'(?:[^"\r\n]|"[^"]*")*')


def _skip(_row: pa_csv.InvalidRow) -> str:
    return "skip"


_ONE_THREAD = pa_csv.ReadOptions(use_threads=False)
_LENIENT = pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=_skip)


def look_at_csv(path: str) -> tuple[list[str], None]:
    """The names of the columns; a CSV file has no row groups."""
    with open_decompressed(path) as handle:
        header = _first_row(handle.read(_LONGEST_HEADER_BYTES))
    return pa_csv.open_csv(pa.BufferReader(header), read_options=_ONE_THREAD, parse_options=_LENIENT).schema.names, None


def _first_row(content: bytes) -> bytes:
    """The header alone, with an end to its line: rows below it may be broken, and those are told of one by one."""
    content = content.removeprefix(_BOM).lstrip(b"\r\n")
    end = _ROW.match(content).end()
    return content if content[end : end + 1] == b'"' else content[:end] + b"\n" * (end > 0)


def read_csv(
    part: TablePart, columns: tuple[str, ...], rows_per_batch: int, several: Collection[str]
) -> Iterator[PartBatch]:
    """The rows of a file, all cells text; where a column has several values a row, they are one text."""
    with local_copy(part.path) as copy, contextlib.ExitStack() as opened:
        checks = QuoteChecks()
        with open_decompressed(part.path, copy) as handle:
            if checks.check(handle) == 0:
                return
        handle = opened.enter_context(open_decompressed(part.path, copy))
        if not checks.is_utf8:
            handle = opened.enter_context(signed_copy(handle))
        yield from _read_open(handle, columns, rows_per_batch, signed=not checks.is_utf8)


def _read_open(
    handle: pa.NativeFile, columns: tuple[str, ...], rows_per_batch: int, *, signed: bool
) -> Iterator[PartBatch]:
    numbering = _RowNumbering()
    blocks = pa_csv.open_csv(
        handle,
        # One thread: only so does Arrow tell the position of a malformed row.
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
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
