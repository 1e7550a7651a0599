"""The events of a log as files of their tables, for a store that takes them in."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs.tables.table_files import TableFile
from tfgrec.config import TablesConfig
from tfgrec.errors import InputDataError
from tfgrec.files import StrPath
from tfgrec.graph.log.event_log import EventLog

_ROWS = 1 << 16


@dataclasses.dataclass(frozen=True)
class LoggedEvents:
    """Files by table that hold the events of a log up to `position`."""

    position: int
    files: Mapping[str, tuple[TableFile, ...]]

    def with_files(self, files: Mapping[str, tuple[TableFile, ...]]) -> dict[str, tuple[TableFile, ...]]:
        """Other files by table, and after them those of the events."""
        return {name: (*files.get(name, ()), *self.files.get(name, ())) for name in {**files, **self.files}}


def write_logged_events(log: EventLog, since: int, folder: StrPath, tables: TablesConfig) -> LoggedEvents:
    """Writes the events from position `since` on as Parquet files in `folder`, a bounded number of rows at a time.

    Raises:
      GraphStoreError: the log is damaged, or was cut beyond the position.
      InputDataError: a table that has events is said to be of another format than Parquet.
    """
    writers: dict[tuple[str, pa.Schema], _RowWriter] = {}
    position = since
    for table, rows, end in log.read(since):
        declared = tables.tables[table].format
        if declared not in (None, "parquet"):
            raise InputDataError(f"tables.yaml: tables.{table}.format: {declared}: leave it out to take events in")
        key = table, rows.schema
        if key not in writers:
            writers[key] = _RowWriter(Path(folder), f"events-{since}-{len(writers)}.parquet", rows.schema)
        writers[key].write(rows)
        position = end
    files: dict[str, tuple[TableFile, ...]] = {}
    for (table, _), writer in writers.items():
        files[table] = (*files.get(table, ()), writer.close())
    return LoggedEvents(position, files)


class _RowWriter:
    """Collects rows of one schema in a file."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._path, self._name = folder / name, name
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._path, schema)
        self._pending: list[pa.RecordBatch] = []

    def write(self, rows: pa.RecordBatch) -> None:
        self._pending.append(rows)
        if sum(batch.num_rows for batch in self._pending) >= _ROWS:
            self._flush()

    def close(self) -> TableFile:
        self._flush()
        self._writer.close()
        return TableFile(str(self._path), self._name, self._path.stat().st_size)

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(pa.Table.from_batches(self._pending))
            self._pending = []
