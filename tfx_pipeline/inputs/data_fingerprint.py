"""What a run's tables are, as a text that changes when they do: TFX's cache looks at it instead of at the files."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from tfgrec import files
from tfgrec.config import TablesConfig
from tfgrec.data.table_paths import TablePath
from tfgrec.errors import InputDataError
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.known_fingerprints import KnownFingerprints


def fingerprint_tables(tables: TablesConfig, data: str, known: KnownFingerprints | None = None) -> str:
    """SHA-256 over what `fingerprint_table_files` gives; files that are `known` are not read, and those read are then.

    Raises:
      InputDataError: a table has no file.
    """
    if known is None:
        found = fingerprint_table_files(tables, data)
    else:
        found = fingerprint_table_files(tables, data, known.of_file)
        known.save()
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode("utf-8")).hexdigest()


def fingerprint_table_files(
    tables: TablesConfig, data: str, fingerprint: Callable[[Path], str] = fingerprint_file
) -> dict[str, dict[str, str]]:
    """By table, the files below `data`: their paths there and, of each, its content's SHA-256, or, of a large file and
    of one on another file system than the local one, its size and time of change.

    Raises:
      InputDataError: a table has no file.
    """
    found = {name: _files(table.path, data, fingerprint) for name, table in sorted(tables.tables.items())}
    for name, of_table in found.items():
        if not of_table:
            path = files.join(data, tables.tables[name].path)
            raise InputDataError(f"table '{name}': no file is {path} (tables.yaml, tables.{name}.path)")
    return found


def _files(path: str, data: str, fingerprint: Callable[[Path], str]) -> dict[str, str]:
    table = TablePath(path)
    if files.is_local(data):
        root = Path(data)
        return {file.relative_to(root).as_posix(): fingerprint(file) for file in table.find(root)}
    return {name: f"size:{file.bytes} mtime_ns:{file.modified_ns}" for name, file in table.find_far(data).items()}
