"""Parquet files opened so that all of their rows can be read, whatever version of Arrow wrote them or reads them."""

import io
from collections.abc import Collection
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_LENGTH_BYTES = 4
# Under this name Arrow keeps its own types in a file's footer; under another one it does not look at them.
_ARROW_TYPES, _UNREAD = b"ARROW:schema", b"ARROW_schema"


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
