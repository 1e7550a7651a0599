"""Parquet files as tables: opened so that all rows can be read, whatever version of Arrow wrote them or reads them."""

import io
from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs.tables.table_parts import MalformedRow, PartBatch, TablePart
from tfgrec.files import open_to_read
from tfgrec.graph.rows.plain_columns import plain_columns

_MAGIC = b"PAR1"
_LENGTH_BYTES = 4
# Under this name Arrow keeps its own types in a file's footer; under another one it does not look at them.
_ARROW_TYPES, _UNREAD = b"ARROW:schema", b"ARROW_schema"


def look_at_parquet(path: str) -> tuple[list[str], list[int]]:
    """The names of the columns, and the rows of each row group."""
    with open_to_read(path, buffered=False) as handle:
        file = pq.ParquetFile(handle)
        return file.schema_arrow.names, [
            file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)
        ]


def read_parquet(
    part: TablePart, columns: tuple[str, ...], rows_per_batch: int, several: Collection[str]
) -> Iterator[PartBatch]:
    """The rows of a row group; the file itself tells which columns have several values a row."""
    with open_to_read(part.path, buffered=False) as handle:
        position = part.rows_before
        file = open_parquet(handle, columns)
        for batch in file.iter_batches(rows_per_batch, row_groups=[part.row_group], columns=list(columns)):
            rows = np.arange(position + 1, position + batch.num_rows + 1)
            position += batch.num_rows
            batch, broken = plain_columns(batch)
            malformed = [MalformedRow(int(row), "", "is not UTF-8 text") for row in rows[broken]]
            yield PartBatch(batch.filter(pa.array(~broken)), rows[~broken], malformed)


def open_parquet(file: BinaryIO, columns: Collection[str]) -> pq.ParquetFile:
    """Opens a file of which `columns` are wanted.

    Lists of fixed size come as lists where one is wanted: older versions of Arrow can't read those of fixed size if a
    row has none, and the file itself has no other type than a list.
    """
    found = pq.ParquetFile(file)
    fixed = (field.name for field in found.schema_arrow if pa.types.is_fixed_size_list(field.type))
    return found if set(columns).isdisjoint(fixed) else pq.ParquetFile(file, metadata=_plain_metadata(file))


def _plain_metadata(file: BinaryIO) -> pq.FileMetaData:
    """The footer of a file, without the types that Arrow has added."""
    tail = _LENGTH_BYTES + len(_MAGIC)
    file.seek(-tail, io.SEEK_END)
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    file.seek(-tail - length, io.SEEK_END)
    footer = file.read(length + tail)
    return pq.read_metadata(io.BytesIO(_MAGIC + footer.replace(_ARROW_TYPES, _UNREAD)))
