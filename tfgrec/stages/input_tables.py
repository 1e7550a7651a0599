"""The files of the tables that a run is made from, on a disk or on an object store, and what tells them from others."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tfgrec import files
from tfgrec.config import TablesConfig
from tfgrec.data.table_paths import TablePath
from tfgrec.errors import InputDataError
from tfgrec.run.working_folder import url_of

# Of each format that a table may have, a file that a run writes.
_WRITTEN = (
    "predictions.parquet",
    "metrics.json",
    "logs/history.jsonl",
    "examples/train/part-00000-of-00001.tfrecord",
    "graph/nodes/user/00000-of-00001.arrow",
)


class InputTables:
    """Tables by their names in tables.yaml.

    Args:
      data: the folder that their paths begin in.
      tables: the tables.yaml.
    """

    def __init__(self, data: files.StrPath, tables: TablesConfig) -> None:
        self._data, self._tables = data, tables

    def check(self, run: Path) -> None:
        """Looks for all tables.

        Args:
          run: where a run is to be written; no table may read what that writes as rows.

        Raises:
          InputDataError: names what is not there.
        """
        if not files.is_folder(self._data):
            raise InputDataError(f"--data {self._data}: is no folder")
        for name in self._tables.tables:
            if not self._found(name):
                raise self._missing(name)
            self._check_run_is_no_data(name, run)

    def fingerprints(self, names: Iterable[str], of_file: Callable[[Path], str]) -> dict[str, dict[str, str]]:
        """Table -> file of it, below the folder -> what changes whenever its rows do.

        On a disk that is what `of_file` tells. Of an object store nothing is read: bytes and time of an object tell.

        Raises:
          InputDataError: a table has no files.
        """
        fingerprints = {}
        for name in names:
            found = self._found(name)
            if not found:
                raise self._missing(name)
            if isinstance(found, dict):
                told = {path: f"size:{file.bytes} mtime_ns:{file.modified_ns}" for path, file in found.items()}
            else:
                told = {file.relative_to(self._data).as_posix(): of_file(file) for file in found}
            fingerprints[name] = told
        return fingerprints

    def _found(self, name: str) -> list[Path] | dict[str, files.FoundFile]:
        path = TablePath(self._tables.tables[name].path)
        return path.find(Path(self._data)) if files.is_local(self._data) else path.find_far(str(self._data))

    def _missing(self, name: str) -> InputDataError:
        path = files.join(self._data, self._tables.tables[name].path)
        return InputDataError(f"table '{name}': no file is {path} (tables.yaml, tables.{name}.path)")

    def _check_run_is_no_data(self, name: str, run: Path) -> None:
        """Refuses a run within the tables' folder that a table's pattern would read as rows."""
        below = _below(run, self._data)
        if below is None:
            return
        table = TablePath(self._tables.tables[name].path)
        for written in (f"{below}/{written}".removeprefix("./") for written in _WRITTEN):
            if table.matches(written):
                raise InputDataError(
                    f"table '{name}': its path '{self._tables.tables[name].path}' would match what the run writes, "
                    f"{files.join(self._data, written)}: keep runs outside of --data (tables.yaml, tables.{name}.path)"
                )


def _below(run: Path, data: files.StrPath) -> str | None:
    """The path of a run below the folder of the tables; None where it is elsewhere."""
    if files.is_local(data):
        root, folder = run.resolve(), Path(data).resolve()
        return root.relative_to(folder).as_posix() if root.is_relative_to(folder) else None
    root, folder = f"{url_of(run)}/", f"{str(data).rstrip('/')}/"
    return (root[len(folder) :].rstrip("/") or ".") if root.startswith(folder) else None
