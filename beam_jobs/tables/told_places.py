"""Which table and file an error is about, where what raises it knows no more than the column."""

import contextlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_jobs.tables.table_batches import FILE
from tfgrec.errors import InputDataError
from tfgrec.graph.store.columns import column_of


@contextlib.contextmanager
def told_place(table: str, paths: Sequence[str], batch: pa.RecordBatch) -> Iterator[None]:
    """Around the reading of a batch's columns; `paths` are the table's files.

    Raises:
      InputDataError: as raised within, with the table and the file of the batch's first row before it.
    """
    try:
        yield
    except InputDataError as error:
        path = paths[column_of(batch, FILE)[0].as_py()] if batch.num_rows else ", ".join(paths[:1])
        raise InputDataError(f"table '{table}': {path}: {error}") from error
