"""Times for a log that has order but none: rows are dated back, step by step, from the newest of their group."""

from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa

from beam_jobs.running.arrow_shuffle import GroupSpilled, SpilledPiece, column_arrays, split, tables_by_schema
from beam_jobs.tables.table_batches import FILE, ROW
from tfgrec.config.tables import CountedBackTime
from tfgrec.graph.rows.cells import is_null, read_cells, read_numbers
from tfgrec.graph.rows.edge_rows import ROW_TIME
from tfgrec.graph.store.columns import column_of


class DateBack(beam.PTransform):
    """Replaces the times of batches: see `CountedBackTime`.

    Rows of a group may lie in any batch and any file, so batches are cut by a hash of the group and brought together;
    memory is bounded by one of `partitions`. Equal orders count by file and position.
    """

    def __init__(self, counted_back: CountedBackTime, partitions: int, rows_per_batch: int, work: str) -> None:
        super().__init__()
        self._counted_back, self._partitions, self._rows_per_batch = counted_back, partitions, rows_per_batch
        self._work = work

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        cut = batches | "cut by group" >> beam.FlatMap(_cut, self._counted_back.within, self._partitions)
        return (
            (cut,)
            | "bring groups together" >> GroupSpilled(self._work)
            | "date rows" >> beam.FlatMap(_date, self._counted_back, self._rows_per_batch)
        )


def dated_back(groups: np.ndarray, times: np.ndarray, step: int) -> np.ndarray:
    """Times, int64 milliseconds `[num_rows]`, of rows that are sorted by group and then by order.

    The last row of a group keeps its time; the one before it has `step` milliseconds less, and so on.
    """
    last = np.append(groups[1:] != groups[:-1], True)
    ends = np.flatnonzero(last)
    end_of_row = ends[np.searchsorted(ends, np.arange(len(groups)))]
    return times[end_of_row] - (end_of_row - np.arange(len(groups))) * step


def _cut(batch: pa.RecordBatch, within: str, partitions: int) -> Iterator[tuple[int, bytes]]:
    hashes = pd.util.hash_array(_group_names(column_of(batch, within)))
    yield from split(batch, (hashes % np.uint64(partitions)).astype(np.int64))


def _date(
    partition: tuple[int, Iterable[SpilledPiece]], counted_back: CountedBackTime, rows_per_batch: int
) -> Iterator[pa.RecordBatch]:
    tables = [column_arrays(table) for table in tables_by_schema(partition[1])]

    def of_all(read: Callable[[dict[str, pa.Array]], np.ndarray]) -> np.ndarray:
        return np.concatenate([read(columns) for columns in tables])

    groups = pd.factorize(of_all(lambda columns: _group_names(columns[counted_back.within])))[0]
    orders = [_orders(columns[counted_back.order]) for columns in tables]
    wholes, fractions = (np.concatenate(part) for part in zip(*orders, strict=True))
    places = [of_all(lambda columns, name=name: columns[name].to_numpy()) for name in (ROW, FILE)]
    order = np.lexsort((*places, fractions, wholes, groups))
    step, times = round(counted_back.step_seconds * 1_000), np.empty(len(order), np.int64)
    times[order] = dated_back(groups[order], of_all(lambda columns: columns[ROW_TIME].to_numpy())[order], step)
    first = 0
    for columns in tables:
        rows = len(columns[ROW_TIME])
        own = order[(order >= first) & (order < first + rows)] - first
        columns[ROW_TIME] = pa.array(times[first : first + rows])
        table = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)).take(pa.array(own))
        for start in range(0, rows, rows_per_batch):
            yield table.slice(start, rows_per_batch)
        first += rows


def _orders(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The whole part, int64 `[num_rows]`, and the fraction of each number: no double holds all of a long one."""
    numbers = read_numbers(column).values.to_numpy()
    if np.issubdtype(numbers.dtype, np.integer):
        return numbers, np.zeros(len(numbers))
    wholes = np.floor(numbers)
    clipped = np.clip(wholes, -(2.0**62), 2.0**62).astype(np.int64)
    # Whole numbers stay exact beside a fraction.
    exact = read_cells(column, "int64").values
    return np.where(is_null(exact), clipped, exact.fill_null(0).to_numpy()), numbers - wholes


def _group_names(column: pa.Array) -> np.ndarray:
    """Groups as text: a hash of text does not depend on how a file types the column."""
    return read_cells(column, "string").values.to_numpy(zero_copy_only=False)
