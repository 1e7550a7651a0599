"""The files of a table: found, their columns checked, cut into parts that workers read one by one."""

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from tfgrec.close_match import suggestion
from tfgrec.config.tables import Table
from tfgrec.errors import InputDataError

_CSV_SUFFIXES = (".csv", ".csv.gz", ".csv.bz2")
_PARQUET_SUFFIXES = (".parquet", ".pq")
_COMPRESSIONS = {"gz": "gzip", "bz2": "bz2"}


@dataclasses.dataclass(frozen=True)
class TablePart:
    """A whole CSV file, or one row group of a Parquet file; `rows_before` counts the file's rows before it."""

    file: int
    path: str
    row_group: int | None
    rows_before: int


@dataclasses.dataclass(frozen=True)
class TableFiles:
    """A table's files in order of their names, the columns wanted of them, and the parts to read."""

    name: str
    paths: tuple[str, ...]
    columns: tuple[str, ...]
    parts: tuple[TablePart, ...]

    def only(self, columns: Iterable[str]) -> "TableFiles":
        """The same files, of which only some columns are wanted."""
        return dataclasses.replace(self, columns=tuple(dict.fromkeys(columns)))


def find_table(name: str, table: Table, data_dir: str, columns: Sequence[str]) -> TableFiles:
    """Finds a table's files below `data_dir`.

    Raises:
      InputDataError: there is no such file, a file is neither CSV nor Parquet or is damaged, or lacks a column.
    """
    pattern = FileSystems.join(str(data_dir), table.path)
    files = tuple(sorted(metadata.path for metadata in FileSystems.match([pattern])[0].metadata_list))
    if not files:
        raise InputDataError(f"table '{name}': there is no file {pattern}{_similar_file(pattern)}")
    wanted = tuple(dict.fromkeys(columns))
    parts = [part for number, path in enumerate(files) for part in _parts(name, number, path, wanted)]
    return TableFiles(name, files, wanted, tuple(parts))


@contextlib.contextmanager
def open_csv_file(path: str) -> Iterator[pa.NativeFile]:
    """A CSV file's bytes, decompressed, as a file of Arrow's own; what lies elsewhere is copied to this machine first.

    Arrow reads ahead in a thread of its own: on a Python file that needs the interpreter's lock, and a reader that is
    given up early, holding the lock, waits for the thread for ever.
    """
    with tempfile.NamedTemporaryFile() as copy:
        local = path
        if FileSystems.get_scheme(path) is not None:
            with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as handle:
                shutil.copyfileobj(handle, copy)
            copy.flush()
            local = copy.name
        compression = _COMPRESSIONS.get(path.lower().rpartition(".")[2])
        with pa.OSFile(local) as file:
            yield pa.CompressedInputStream(file, compression) if compression else file


def is_csv(path: str) -> bool:
    """Whether a file is read as CSV."""
    return path.lower().endswith(_CSV_SUFFIXES)


def _parts(table: str, number: int, path: str, columns: Sequence[str]) -> list[TablePart]:
    if is_csv(path):
        _check_columns(table, path, _csv_header(table, path), columns)
        return [TablePart(number, path, None, 0)]
    if not path.lower().endswith(_PARQUET_SUFFIXES):
        known = ", ".join(_CSV_SUFFIXES + _PARQUET_SUFFIXES)
        raise InputDataError(f"table '{table}': {path}: expected a file that ends in {known}")
    try:
        with FileSystems.open(path) as handle:
            file = pq.ParquetFile(handle)
            names = file.schema_arrow.names
            row_counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise InputDataError(f"table '{table}': {path}: can't be read as Parquet: {error}") from error
    _check_columns(table, path, names, columns)
    return [TablePart(number, path, group, sum(row_counts[:group])) for group in range(len(row_counts))]


def _csv_header(table: str, path: str) -> list[str]:
    try:
        with open_csv_file(path) as handle:
            return pa_csv.open_csv(handle, read_options=_ONE_THREAD, parse_options=_LENIENT).schema.names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputDataError(f"table '{table}': {path}: can't be read as CSV: {error}") from error


def _skip(_row: pa_csv.InvalidRow) -> str:
    return "skip"


_ONE_THREAD = pa_csv.ReadOptions(use_threads=False)
_LENIENT = pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=_skip)


def _check_columns(table: str, path: str, names: Sequence[str], columns: Sequence[str]) -> None:
    for column in columns:
        if names.count(column) > 1:
            raise InputDataError(f"table '{table}': {path}: has more than one column '{column}'")
        if column not in names:
            raise InputDataError(f"table '{table}': {path}: has no column '{column}': {suggestion(column, names)}")


def _similar_file(pattern: str) -> str:
    folder, name = FileSystems.split(pattern)
    beside = FileSystems.match([FileSystems.join(folder, "*")])[0].metadata_list
    names = [FileSystems.split(metadata.path)[1] for metadata in beside]
    return f": {suggestion(name, names)}" if names else f": {folder} is empty or does not exist"
