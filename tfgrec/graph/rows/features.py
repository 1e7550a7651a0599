"""Columns of a table as ids and features of the schema: cells typed, empty and unreadable ones rejected by row."""

import contextlib
import dataclasses
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.config.tables import Column
from tfgrec.errors import InputDataError, SchemaError
from tfgrec.graph.rows.cells import Cells, is_list, is_null, is_text, plain, read_cells
from tfgrec.graph.rows.row_checks import RowSelection
from tfgrec.graph.schema import DType, Feature
from tfgrec.graph.store.columns import column_of

_PLACEHOLDERS = {"int64": 0, "float32": 0.0, "string": ""}


@dataclasses.dataclass(frozen=True)
class Ids:
    """Ids `[num_ids]` that the rows of a batch name, and the row, int64 `[num_ids]` and rising, of each."""

    values: pa.Array
    rows: np.ndarray


def read_ids(batch: pa.RecordBatch, column: Column, dtype: DType, selection: RowSelection) -> Ids:
    """The ids in a column: one a row, or any number where cells hold lists or have a separator."""
    cells = column_of(batch, column.column)
    if column.separator is None and not is_list(cells.type):
        return Ids(read_id(batch, column, dtype, selection), np.arange(len(cells)))
    lists = read_lists(batch, column, dtype, selection, ids=True)
    return Ids(lists.flatten(), np.repeat(np.arange(len(lists)), pc.list_value_length(lists).to_numpy()))


def read_id(batch: pa.RecordBatch, column: Column, dtype: DType, selection: RowSelection) -> pa.Array:
    """The one id of each row `[num_rows]`; rows without a readable one are rejected and hold a placeholder."""
    cells = _read(column_of(batch, column.column), dtype, column.column, ids=True)
    return fill_empty(cells, column, dtype, selection)


def read_feature(batch: pa.RecordBatch, column: Column, feature: Feature, selection: RowSelection) -> pa.Array:
    """A feature `[num_rows]`; rows without a readable value are rejected and hold a placeholder."""
    if feature.multi_valued:
        return read_lists(batch, column, feature.dtype, selection)
    cells = _read(column_of(batch, column.column), feature.dtype, column.column)
    return fill_empty(cells, column, feature.dtype, selection)


def read_label(batch: pa.RecordBatch, column: Column, feature: Feature, selection: RowSelection) -> pa.Array:
    """A label `[num_rows]`: like a feature, but an empty cell is a missing label, NaN."""
    if column.missing is None and feature.dtype == "float32" and not feature.multi_valued:
        cells = _read(column_of(batch, column.column), feature.dtype, column.column)
        reject_unreadable(cells, column.column, selection)
        return cells.filled(float("nan"))
    return read_feature(batch, column, feature, selection)


def reject_unreadable(cells: Cells, name: str, selection: RowSelection) -> None:
    """Rejects the rows of a column, by its name, whose cells can't be read, each for the first thing wrong with it."""
    for unreadable, complaint in cells.complaints():
        selection.reject(unreadable, f"{name}: {complaint}")


def fill_empty(cells: Cells, column: Column, dtype: DType, selection: RowSelection) -> pa.Array:
    """The cells' values `[num_cells]`, with `missing` for the empty ones where the column has it."""
    reject_unreadable(cells, column.column, selection)
    if column.missing is not None:
        return cells.filled(_stand_in(column, dtype))
    selection.reject(cells.empty, f"{column.column}: is empty")
    return cells.filled(_PLACEHOLDERS[dtype])


def read_lists(
    batch: pa.RecordBatch, column: Column, dtype: DType, selection: RowSelection, *, ids: bool = False
) -> pa.Array:
    """Lists of values `[num_rows, (num_values)]`; a row with an unreadable value is rejected, an empty list is not."""
    lists = _as_lists(plain(column_of(batch, column.column)), column)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(lists)), lengths)
    cells = _read(lists.flatten(), dtype, column.column, ids=ids)
    for unreadable, complaint in cells.complaints():
        selection.reject(np.bincount(rows[unreadable], minlength=len(lists)) > 0, f"{column.column}: {complaint}")
    present = ~is_null(cells.values)
    values, rows = cells.values.filter(pa.array(present)), rows[present]
    if column.missing is not None:
        values, rows = _with_stand_in(values, rows, len(lists), _stand_in(column, dtype))
    return _lists_of(np.bincount(rows, minlength=len(lists)), values)


@contextlib.contextmanager
def told_column(column: str) -> Iterator[None]:
    """Around the reading of a column's cells.

    Raises:
      InputDataError: as raised within, with the column before it.
    """
    try:
        yield
    except InputDataError as error:
        raise InputDataError(f"column '{column}': {error}") from error


def _read(array: pa.Array, dtype: DType, column: str, *, ids: bool = False) -> Cells:
    with told_column(column):
        return read_cells(array, dtype, ids=ids)


def _as_lists(array: pa.Array, column: Column) -> pa.Array:
    """Cells as lists: split at the separator, or of one value where there is nothing to split."""
    if is_list(array.type):
        return array
    if is_text(array.type) and column.separator is not None:
        lists = pc.split_pattern(array, column.separator)
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
        return _lists_of(lengths, pc.utf8_trim_whitespace(lists.flatten()))
    return _lists_of(~is_null(array), array.drop_null())


def _lists_of(lengths: np.ndarray, values: pa.Array) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _stand_in(column: Column, dtype: DType) -> object:
    """`missing` as a value of the dtype."""
    if dtype == "string" and isinstance(column.missing, bool):
        raise SchemaError(
            f"column '{column.column}': missing: {column.missing} is no text: YAML reads yes, no, on and off as true "
            "and false: put the word in quotes"
        )
    cells = read_cells(pa.array([column.missing]), dtype)
    if cells.unreadable.any():
        raise SchemaError(f"column '{column.column}': missing: {column.missing!r} {cells.complaint}")
    return cells.values[0].as_py()


def _with_stand_in(values: pa.Array, rows: np.ndarray, num_rows: int, stand_in: object) -> tuple[pa.Array, np.ndarray]:
    """Adds `stand_in` as the only value of rows that have none."""
    lacking = np.setdiff1d(np.arange(num_rows), rows)
    values = pa.concat_arrays([values, pa.array([stand_in] * len(lacking), values.type)])
    rows = np.concatenate([rows, lacking])
    order = np.argsort(rows, kind="stable")
    return values.take(pa.array(order)), rows[order]
