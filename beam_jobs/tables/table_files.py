"""The files of a table: found, their columns checked, cut into parts that workers read one by one."""

import dataclasses
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from beam_jobs.tables.table_formats import FORMATS, format_of
from beam_jobs.tables.table_parts import TablePart
from tfgrec.close_match import suggestion
from tfgrec.config.tables import Table
from tfgrec.data.table_paths import TablePath
from tfgrec.errors import InputDataError
from tfgrec.files import files_in, is_folder, is_local, join, split

# How Hive names the folder of rows whose value is null.
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclasses.dataclass(frozen=True)
class TableFile:
    """A file: its path, its path below the data folder, and its size."""

    path: str
    relative_path: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class TableFiles:
    """A table's files in order of their names, the columns wanted of them, and the parts to read.

    `several` are the columns that hold several values a row, where the file's own format does not tell.
    """

    name: str
    files: tuple[TableFile, ...]
    columns: tuple[str, ...]
    several: frozenset[str]
    parts: tuple[TablePart, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the files."""
        return tuple(file.path for file in self.files)

    def only(self, columns: Iterable[str]) -> "TableFiles":
        """The same files, of which only some columns are wanted."""
        return dataclasses.replace(self, columns=tuple(dict.fromkeys(columns)))


def find_table(
    name: str, table: Table, data_dir: str, columns: Sequence[str], several: Collection[str] = ()
) -> TableFiles:
    """Finds a table's files below `data_dir` and opens them.

    Raises:
      InputDataError: there is no such file, or a file is of an unknown kind, is damaged, or lacks a column.
    """
    try:
        files = list_files(table, data_dir)
    except InputDataError as error:
        raise InputDataError(f"table '{name}': {error}") from error
    if not files:
        pattern = join(data_dir, table.path)
        raise InputDataError(f"table '{name}': there is no file {pattern}{_similar_file(pattern)}")
    return open_table(name, table, files, columns, several)


def list_files(table: Table, data_dir: str) -> tuple[TableFile, ...]:
    """A table's files below `data_dir`, on any file system, sorted by name.

    Raises:
      InputDataError: a folder can't be listed, or a link leads nowhere.
    """
    path, root = TablePath(table.path), f"{str(data_dir).rstrip('/')}/"
    if is_local(root):
        local = [found.relative_to(data_dir).as_posix() for found in path.find(Path(data_dir))]
        return tuple(TableFile(f"{root}{name}", name, os.path.getsize(f"{root}{name}")) for name in sorted(local))
    return tuple(TableFile(f"{root}{name}", name, file.bytes) for name, file in path.find_far(root).items())


def open_table(
    name: str, table: Table, files: Sequence[TableFile], columns: Sequence[str], several: Collection[str]
) -> TableFiles:
    """Checks that all files have the columns, in themselves or in the names of their folders, and finds their parts.

    Raises:
      InputDataError: a file is of an unknown kind, is damaged, or lacks a column.
    """
    wanted = tuple(dict.fromkeys(columns))
    parts = [part for number, file in enumerate(files) for part in _parts(name, table, number, file, wanted)]
    return TableFiles(name, tuple(files), wanted, frozenset(several), tuple(parts))


def _parts(name: str, table: Table, number: int, file: TableFile, columns: Sequence[str]) -> list[TablePart]:
    try:
        kind = format_of(file.path, table.format)
        names, row_counts = FORMATS[kind].look(file.path)
        given = _given_by_folders(file, names, columns)
    except InputDataError as error:
        raise InputDataError(f"table '{name}': {error}") from error
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        shown = FORMATS[kind].shown
        raise InputDataError(f"table '{name}': {file.path}: can't be read as {shown}: {error}") from error
    if row_counts is None:
        return [TablePart(name, number, file.path, kind, None, 0, given)]
    return [
        TablePart(name, number, file.path, kind, group, sum(row_counts[:group]), given)
        for group in range(len(row_counts))
    ]


def _given_by_folders(
    file: TableFile, names: Sequence[str] | None, columns: Sequence[str]
) -> tuple[tuple[str, str | None], ...]:
    """The wanted columns that are in the names of folders alone; all others are in the file."""
    of_folders, given = folder_columns(file.relative_path), []
    for column in columns:
        if names is not None and names.count(column) > 1:
            raise InputDataError(f"{file.path}: has more than one column '{column}'")
        if column in of_folders and (names is None or column not in names):
            given.append((column, of_folders[column]))
        elif names is not None and column not in names:
            raise InputDataError(f"{file.path}: has no column '{column}': {suggestion(column, {*names, *of_folders})}")
    return tuple(given)


def _similar_file(pattern: str) -> str:
    if is_folder(pattern):
        return f": that is a folder: give its files by a glob such as {split(pattern)[1]}/*"
    folder, name = split(pattern)
    names = [split(path)[1] for path in files_in(folder, "")]
    return f": {suggestion(name, names)}" if names else f": {folder} is empty or does not exist"


def folder_columns(relative_path: str) -> dict[str, str | None]:
    """The columns that a file gets from its folders, such as `date=2022-04-25/`, as Hive and Spark do: as text."""
    pairs = (folder.partition("=") for folder in relative_path.split("/")[:-1])
    return {unquote(key): _value(value) for key, equals, value in pairs if key and equals}


def _value(text: str) -> str | None:
    return None if text == _NULL else unquote(text)
