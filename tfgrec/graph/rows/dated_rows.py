"""Rows of a table with the times that one of its columns tells."""

import pyarrow as pa

from tfgrec.config.tables import TimeColumn
from tfgrec.graph.rows.edge_rows import ROW_TIME
from tfgrec.graph.rows.features import reject_unreadable, told_column
from tfgrec.graph.rows.row_checks import RowSelection
from tfgrec.graph.rows.times import read_times
from tfgrec.graph.store.columns import column_of


def with_times(batch: pa.RecordBatch, time: TimeColumn, selection: RowSelection) -> pa.RecordBatch:
    """The rows with ROW_TIME beside their columns; those whose time is empty or can't be read are rejected.

    Raises:
      InputDataError: the column can't hold times; names it.
    """
    with told_column(time.column):
        times = read_times(column_of(batch, time.column), time)
    selection.reject(times.empty, f"{time.column}: is empty")
    reject_unreadable(times, time.column, selection)
    return pa.RecordBatch.from_arrays([*batch.columns, times.filled(0)], names=[*batch.schema.names, ROW_TIME])
