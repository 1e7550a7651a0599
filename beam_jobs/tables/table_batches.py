"""The rows of one part of a table as Arrow record batches, each row with its position in the file."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa

from beam_jobs.tables.table_formats import FORMATS
from beam_jobs.tables.table_parts import PartBatch, TablePart
from tfgrec.errors import InputDataError

# Columns of a batch that are not the table's own: number of the file, position in the file.
FILE, ROW = "#file", "#row"


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
        for batch in FORMATS[part.format].read(part, wanted, rows_per_batch, several):
            yield _with_folder_columns(batch, given)
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
