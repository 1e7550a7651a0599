"""A part of a table, and what is read of it."""

import dataclasses

import numpy as np
import pyarrow as pa

from tfgrec.config.tables import TableFormat


@dataclasses.dataclass(frozen=True)
class TablePart:
    """A whole file, or one row group of a Parquet file; `rows_before` counts the file's rows before it.

    Attributes:
      file: the number of the file among the table's.
      folder_columns: columns that are not in the file, but in the names of its folders, each with its one value.
    """

    table: str
    file: int
    path: str
    format: TableFormat
    row_group: int | None
    rows_before: int
    folder_columns: tuple[tuple[str, str | None], ...] = ()


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
