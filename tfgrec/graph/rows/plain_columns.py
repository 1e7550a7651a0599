"""Columns of Parquet files in the few types that cells are read from: the same values may be stored in many ways."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.errors import InputDataError


def plain_columns(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, np.ndarray]:
    """The batch without dictionaries (categories), fixed-size lists and binary text, and the rows, bool `[num_rows]`,
    whose bytes are no UTF-8 text.

    Raises:
      InputDataError: names a column whose cells are neither values nor lists of values.
    """
    broken, columns = np.zeros(batch.num_rows, bool), []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        _refuse_nested(name, column.type, lists=1)
        column, no_text = _plain(column)
        columns.append(column)
        broken |= no_text
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names), broken


def _refuse_nested(name: str, kind: pa.DataType, *, lists: int) -> None:
    """Refuses what has parts, and lists within more than `lists` lists."""
    value = kind
    while hasattr(value, "value_type") and not pa.types.is_map(value):
        lists -= not pa.types.is_dictionary(value)
        value = value.value_type
    if pa.types.is_nested(value) or lists < 0:
        raise InputDataError(
            f"column '{name}': is of type {kind}: expected numbers, text, times, or a list of them in each cell"
        )


def _plain(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """A column, and which of its cells, bool `[num_cells]`, are no text where they should be."""
    kind, none = array.type, np.zeros(len(array), bool)
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    if pa.types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if pa.types.is_fixed_size_list(kind):
        full = np.asarray(array.is_valid())
        return _plain_lists(array.drop_null().flatten(), np.where(full, kind.list_size, 0))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _plain_lists(array.flatten(), pc.fill_null(pc.list_value_length(array), 0).to_numpy())
    if pa.types.is_fixed_size_binary(kind) and not pa.types.is_decimal(kind):
        # Arrow 10's own cast reads beyond the end of a slice.
        return _as_text(pa.array(array.to_pylist(), pa.binary()))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _as_text(array.cast(pa.binary()))
    return array, none


def _plain_lists(values: pa.Array, lengths: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Lists `[num_rows, (num_values)]`; a null one is empty."""
    values, broken = _plain(values)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(np.arange(len(lengths)), lengths)
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
    return lists, np.bincount(rows[broken], minlength=len(lengths)) > 0


def _as_text(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    try:
        return array.cast(pa.string()), np.zeros(len(array), bool)
    except pa.ArrowInvalid:
        cells = array.to_pylist()
        broken = np.array([cell is not None and not is_utf8(cell) for cell in cells], bool)
        kept = [None if wrong else cell for cell, wrong in zip(cells, broken, strict=True)]
        return pa.array(kept, pa.binary()).cast(pa.string()), broken


def is_utf8(cell: bytes) -> bool:
    """Whether bytes are UTF-8 text."""
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
