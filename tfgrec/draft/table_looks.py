"""Tables as they lie in a folder: their columns read, typed as the jobs would read them, and counted."""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tfgrec.close_match import suggestion
from tfgrec.config.tables import Column
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.rows.cells import is_list, is_text, plain, read_cells
from tfgrec.graph.rows.features import read_lists
from tfgrec.graph.rows.plain_columns import plain_columns
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.schema import DType

MOST_ROWS = 2_000_000
_CSV, _PARQUET = (".csv", ".csv.gz", ".csv.bz2", ".csv.zst"), (".parquet", ".pq")
_SEPARATORS = "|,;"
# Of the cells that are not empty; and of all their parts, how many differ at most.
_LEAST_SEPARATED, _MOST_DISTINCT_PARTS = 0.05, 0.3
_PROSE = r"[\[\](){}]"


@dataclasses.dataclass(frozen=True)
class ColumnLook:
    """One column: its cells, and what they hold."""

    name: str
    cells: pa.Array

    @functools.cached_property
    def dtype(self) -> DType | None:
        """The narrowest type that all cells can be read as; None for times, structs and what has no values."""
        cells = self.cells.flatten() if is_list(self.cells.type) else self.cells
        kind = cells.type
        if is_text(kind):
            return _dtype_of_text(cells)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return "int64" if not read_cells(cells, "int64").unreadable.any() else "float32"
        return "int64" if pa.types.is_boolean(kind) else None

    @functools.cached_property
    def empty(self) -> int:
        """How many cells are empty."""
        if self.dtype is None or self.several:
            return self.cells.null_count
        return int(read_cells(self.cells, self.dtype).empty.sum())

    @functools.cached_property
    def values(self) -> pa.Array:
        """The values that are not empty, of all cells, each once."""
        if self.dtype is None:
            return pa.array([], pa.string())
        if self.several:
            column, batch = Column(column="#", separator=self.separator), pa.record_batch([self.cells], names=["#"])
            lists = read_lists(batch, column, self.dtype, RowChecks(len(self.cells)).selection())
            return lists.flatten().unique()
        return read_cells(self.cells, self.dtype).values.drop_null().unique()

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(self.values)

    @property
    def several(self) -> bool:
        """Whether a cell holds several values."""
        return is_list(self.cells.type) or self.separator is not None

    @functools.cached_property
    def separator(self) -> str | None:
        """What separates several values in one text; None where nothing surely does."""
        if not is_text(self.cells.type):
            return None
        cells = self.cells.filter(pc.not_equal(self.cells, ""))
        if not len(cells) or pc.any(pc.match_substring_regex(cells, _PROSE)).as_py():
            return None
        for separator in _SEPARATORS:
            with_it = pc.mean(pc.cast(pc.match_substring(cells, separator), pa.float64())).as_py()
            if with_it >= _LEAST_SEPARATED:
                parts = pc.split_pattern(cells, separator).flatten()
                return separator if len(parts.unique()) <= _MOST_DISTINCT_PARTS * len(parts) else None
        return None


@dataclasses.dataclass(frozen=True)
class TableLook:
    """One table: its path below the data folder, and the columns of its first MOST_ROWS rows."""

    name: str
    path: str
    rows: int
    columns: dict[str, ColumnLook]

    def column(self, name: str, flag: str) -> ColumnLook:
        """A column that a flag names.

        Raises:
          ConfigurationError: there is none of that name.
        """
        if name not in self.columns:
            raise ConfigurationError(f"{flag}: {self.path} has no column '{name}': {suggestion(name, self.columns)}")
        return self.columns[name]


def look_at_tables(data: Path, ignored: list[str]) -> tuple[dict[str, TableLook], list[str]]:
    """The CSV and Parquet files of a folder, each a table; and what else lies there and was not looked at.

    Raises:
      InputDataError: there is no such folder, no table in it, or a file is damaged.
      ConfigurationError: `ignored` names a table that is not there.
    """
    if not data.is_dir():
        raise InputDataError(f"--data {data}: is no folder")
    tables, left = {}, []
    for path in sorted(data.iterdir()):
        name = path.name.split(".")[0]
        if path.name.startswith((".", "_")):
            continue
        if not path.is_file() or not path.name.lower().endswith(_CSV + _PARQUET):
            left.append(path.name)
        elif name in tables:
            raise InputDataError(
                f"{path}: table '{name}' is {tables[name].path} already: give one of them another name"
            )
        else:
            tables[name] = TableLook(name, path.name, *_columns(path))
    for name in ignored:
        if name not in tables:
            raise ConfigurationError(f"--ignore {name}: there is no such table: {suggestion(name, tables)}")
        del tables[name]
    if not tables:
        raise InputDataError(f"--data {data}: has no file that ends in {', '.join(_CSV + _PARQUET)}")
    return tables, left


def whole_column(data: Path, table: TableLook, name: str) -> pa.Array:
    """All cells of one column, those beyond MOST_ROWS too."""
    if table.rows < MOST_ROWS:
        return table.columns[name].cells
    return plain(pa.chunked_array([batch.column(0) for batch in _batches(data / table.path, [name])]))


def _columns(path: Path) -> tuple[int, dict[str, ColumnLook]]:
    batches, rows = [], 0
    try:
        for batch in _batches(path, None):
            batches.append(batch)
            rows += batch.num_rows
            if rows >= MOST_ROWS:
                break
    except (pa.ArrowException, OSError) as error:
        expected = "" if path.name.lower().endswith(_PARQUET) else "; expected commas, UTF-8 and a header"
        raise InputDataError(f"{path}: can't be read: {error}{expected}") from error
    if not rows:
        raise InputDataError(f"{path}: there are no rows")
    table = pa.Table.from_batches(batches)
    if table.num_columns == 1 and any(sign in table.column_names[0] for sign in ";\t|"):
        raise InputDataError(f"{path}: has one column, '{table.column_names[0]}': expected commas between cells")
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise InputDataError(f"{path}: has more than one column '{name}'")
    return rows, {name: ColumnLook(name, plain(table.column(name))) for name in table.column_names}


def _batches(path: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    if path.name.lower().endswith(_PARQUET):
        with pq.ParquetFile(path) as file:
            # Structs and maps are none of a table's.
            flat = [
                field.name for field in file.schema_arrow if not pa.types.is_nested(field.type) or is_list(field.type)
            ]
            for batch in file.iter_batches(columns=columns or flat):
                yield plain_columns(batch)[0]
        return
    names = pa_csv.open_csv(path).schema.names
    options = pa_csv.ConvertOptions(
        include_columns=columns or names,
        # As the jobs read them: what a cell is must not depend on the others of its block.
        column_types={name: pa.string() for name in names},
        strings_can_be_null=True,
        null_values=[""],
    )
    yield from pa_csv.open_csv(
        path, parse_options=pa_csv.ParseOptions(newlines_in_values=True), convert_options=options
    )


def _dtype_of_text(cells: pa.Array) -> DType | None:
    if cells.null_count == len(cells):
        return None
    # 007 is no number.
    if pc.any(pc.match_substring_regex(cells, r"^[+-]?0\d")).as_py():
        return "string"
    for dtype in ("int64", "float32"):
        if not read_cells(cells, dtype).unreadable.any():
            return dtype
    return "string"


def share_known(cells: ColumnLook, known: ColumnLook) -> float:
    """The share of a column's cells whose values another column has too, compared as text."""
    # As numbers where both are: 39.0 is 39.
    dtype = "int64" if cells.dtype == known.dtype == "int64" else "string"
    values = read_cells(cells.cells, dtype).values.cast(pa.string())
    return float(np.asarray(pc.is_in(values, known.values.cast(pa.string()))).mean())
