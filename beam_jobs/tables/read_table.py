"""Reading a table through Beam: Arrow record batches with the place and the time of every row, bad rows beside."""

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.running.facts import Fact
from beam_jobs.tables.bad_rows import BAD_ROWS, READING, of_batch, of_malformed, tagged
from beam_jobs.tables.counted_back import DateBack
from beam_jobs.tables.table_batches import FILE, ROW, read_part
from beam_jobs.tables.table_files import TableFiles
from beam_jobs.tables.table_parts import PartBatch, TablePart
from beam_jobs.tables.told_places import told_place
from tfgrec.config.sampling import BuildConfig
from tfgrec.config.tables import TimeColumn
from tfgrec.graph.rows.cells import read_cells, read_numbers
from tfgrec.graph.rows.dated_rows import with_times
from tfgrec.graph.rows.features import reject_unreadable, told_column
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.store.columns import column_of

FACTS = "facts"


class TableRows(NamedTuple):
    """What reading a table gives.

    `batches` are pa.RecordBatch: the wanted columns, and FILE (int32), ROW (int64) and, where the table is read with
    its time, TIME (int64); `bad_rows` are (table, list of BadRow); `facts` count the rows.
    """

    batches: beam.PCollection
    bad_rows: beam.PCollection
    facts: beam.PCollection


class ReadTable(beam.PTransform):
    """Reads a table, `rows_per_batch` rows at a time; with `time`, rows whose time can't be read are bad.

    `work` is a folder for what is written by the way.
    """

    def __init__(self, files: TableFiles, options: BuildConfig, *, time: TimeColumn | None, work: str) -> None:
        super().__init__()
        self._files, self._options, self._time, self._work = files, options, time, work

    def expand(self, root: beam.Pipeline):
        read = (
            root
            | "parts" >> beam.Create(list(self._files.parts), reshuffle=True)
            | "read"
            >> beam.ParDo(ReadPart(self._files, self._time, self._options.rows_per_batch)).with_outputs(
                BAD_ROWS, FACTS, main="batches"
            )
        )
        batches = read.batches
        if self._time is not None and self._time.counted_back is not None:
            counted = DateBack(self._time.counted_back, self._options.shards, self._options.rows_per_batch, self._work)
            batches = batches | "count back" >> counted
        return TableRows(batches, read[BAD_ROWS], read[FACTS])


def time_columns(time: TimeColumn | None) -> list[str]:
    """The columns that the time of a row is read from."""
    if time is None:
        return []
    return [time.column, *([time.counted_back.order, time.counted_back.within] if time.counted_back else [])]


class ReadPart(beam.DoFn):
    """A part of a table -> its rows in batches."""

    def __init__(self, files: TableFiles, time: TimeColumn | None, rows_per_batch: int) -> None:
        self._files, self._time, self._rows_per_batch = files, time, rows_per_batch

    def process(self, part: TablePart) -> Iterator[pa.RecordBatch]:
        for read in read_part(part, self._files.columns, self._rows_per_batch, self._files.several):
            yield beam.pvalue.TaggedOutput(FACTS, self._count(part, read))
            yield from tagged(self._files.name, of_malformed(part.file, read.malformed))
            batch = _placed(read, part.file)
            if self._time is not None:
                checks = RowChecks(batch.num_rows)
                with told_place(self._files.name, self._files.paths, batch):
                    dated = _with_time(batch, self._time, checks)
                yield from tagged(self._files.name, of_batch(batch, checks, READING))
                batch = dated
            if batch.num_rows:
                yield batch

    def _count(self, part: TablePart, read: PartBatch) -> Fact:
        count = len(read.rows) + len(read.malformed)
        return {"kind": "rows", "table": part.table, "file": part.file, "count": count}


def _placed(read: PartBatch, file: int) -> pa.RecordBatch:
    columns = dict(zip(read.columns.schema.names, read.columns.columns, strict=True))
    columns[FILE] = pa.array(np.full(len(read.rows), file, np.int32))
    columns[ROW] = pa.array(read.rows, pa.int64())
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _with_time(batch: pa.RecordBatch, time: TimeColumn, checks: RowChecks) -> pa.RecordBatch:
    """Adds TIME; drops the rows whose time, or place in a log that is dated back, can't be read."""
    selection = checks.selection()
    dated = with_times(batch, time, selection)
    if time.counted_back is not None:
        order, within = time.counted_back.order, time.counted_back.within
        with told_column(order):
            orders = read_numbers(column_of(batch, order))
        selection.reject(orders.empty, f"{order}: is empty")
        selection.reject(orders.unreadable, f"{order}: {orders.complaint}")
        with told_column(within):
            cells = read_cells(column_of(batch, within), "string", ids=True)
        reject_unreadable(cells, within, selection)
        selection.reject(cells.empty, f"{within}: is empty")
    return dated if selection.kept.all() else dated.filter(pa.array(selection.kept))
