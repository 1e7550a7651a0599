"""Cells of a table's column, text or typed, read as the dtype that the schema declares: vectorised, bad ones marked."""

import dataclasses
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.errors import InputDataError
from tfgrec.graph.schema import DType

CellType = DType | Literal["float64"]

_ARROW = {"int64": pa.int64(), "float32": pa.float32(), "float64": pa.float64(), "string": pa.string()}
_COMPLAINTS = {
    "int64": "is not a whole number",
    "float32": "is not a finite number",
    "float64": "is not a finite number",
    "string": "is not text",
}
# Eighteen digits always fit 64 bits; longer numbers are read one by one.
_WHOLE_NUMBER = r"^-?\d{1,18}$"
_LONG_NUMBER = r"^-?\d{19,}$"
_NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_EMPTY = "(?i)^(nan)?$"
_INT64 = np.iinfo(np.int64)


@dataclasses.dataclass(frozen=True)
class Cells:
    """Cells read as one type.

    Attributes:
      values: `[num_cells]`, null where the cell is empty or unreadable.
      empty: bool `[num_cells]`.
      unreadable: bool `[num_cells]`.
      complaint: what is wrong with the unreadable ones.
    """

    values: pa.Array
    empty: np.ndarray
    unreadable: np.ndarray
    complaint: str

    def filled(self, value: object) -> pa.Array:
        """The values, with `value` for the empty and unreadable ones."""
        return self.values.fill_null(pa.scalar(value, self.values.type)) if self.values.null_count else self.values


def plain(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array without dictionary encoding."""
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def is_text(kind: pa.DataType) -> bool:
    """Whether cells are text: those of all columns of a CSV file are."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_list(kind: pa.DataType) -> bool:
    """Whether a cell holds several values."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def is_null(array: pa.Array) -> np.ndarray:
    """Which cells are null, bool `[num_cells]`."""
    return np.asarray(array.is_null()) if array.null_count else np.zeros(len(array), bool)


def read_cells(array: pa.Array, dtype: CellType) -> Cells:
    """Reads a column's cells as `dtype`.

    Text is parsed; whole numbers may be written with a fraction of zeros ("3.0"), booleans as true and false.
    Null, empty text and NaN are empty; infinity and numbers that don't fit the type are unreadable. What a cell
    is read as depends on that cell alone, never on the others of its batch.

    Raises:
      InputDataError: the column's own type can't hold such values (a list or a time, say).
    """
    array = plain(array)
    kind = array.type
    if pa.types.is_null(kind):
        empty, values = np.ones(len(array), bool), pa.nulls(len(array), _ARROW[dtype])
    elif is_text(kind):
        text = _without_empty(array.cast(pa.string()), trim=dtype != "string")
        empty = is_null(text)
        values = text if dtype == "string" else _parse(text, dtype)
    elif dtype == "string":
        empty, values = is_null(array), _as_text(array)
    else:
        empty, values = is_null(array), _as_number(array, dtype)
    if pa.types.is_floating(values.type) or pa.types.is_floating(kind):
        values, empty = _without_nan(values, array, empty)
    return Cells(values, empty, is_null(values) & ~empty, _COMPLAINTS[dtype])


def read_numbers(array: pa.Array) -> Cells:
    """Reads cells as int64 where all readable ones are whole, else as float64: for columns that no schema types."""
    cells = read_cells(array, "int64")
    if cells.unreadable.any():
        numbers = read_cells(array, "float64")
        cells = numbers if (cells.unreadable & ~numbers.unreadable).any() else cells
    return dataclasses.replace(cells, complaint="is not a number")


def _without_empty(text: pa.Array, *, trim: bool) -> pa.Array:
    """Null for empty text; where numbers are wanted (`trim`) for blanks and NaN too."""
    if not trim:
        return pc.if_else(pc.equal(text, ""), _nulls_like(text), text)
    text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.match_substring_regex(text, _EMPTY), _nulls_like(text), text)


def _parse(text: pa.Array, dtype: CellType) -> pa.Array:
    """Numbers from text, null where there is none; the quick way first, which fails as a whole on one bad cell."""
    try:
        numbers = _cast_decimal(text, pa.int64() if dtype == "int64" else pa.float64())
    except pa.ArrowInvalid:
        text = pc.replace_substring_regex(text, r"^\+(\d)", r"\1")
        text = pc.replace_substring_regex(text, "(?i)^true$", "1")
        text = pc.replace_substring_regex(text, "(?i)^false$", "0")
        numbers = _parse_whole_numbers(text) if dtype == "int64" else _parse_matching(text, _NUMBER, pa.float64())
    return numbers if dtype == "int64" else _finite(numbers, dtype)


def _cast_decimal(text: pa.Array, kind: pa.DataType) -> pa.Array:
    # Arrow takes 0x1F for a whole number.
    if pc.any(pc.match_substring(text, "0x", ignore_case=True)).as_py():
        raise pa.ArrowInvalid("hexadecimal")
    return text.cast(kind)


def _parse_whole_numbers(text: pa.Array) -> pa.Array:
    text = pc.replace_substring_regex(text, r"^(-?\d+)\.0*$", r"\1")
    numbers = _parse_matching(text, _WHOLE_NUMBER, pa.int64())
    long = np.flatnonzero(np.asarray(pc.match_substring_regex(text, _LONG_NUMBER).fill_null(False)))
    if len(long) == 0:
        return numbers
    values = numbers.to_pylist()
    for cell in long:
        value = int(text[cell].as_py())
        values[cell] = value if _INT64.min <= value <= _INT64.max else None
    return pa.array(values, pa.int64())


def _parse_matching(text: pa.Array, pattern: str, kind: pa.DataType) -> pa.Array:
    matching = pc.match_substring_regex(text, pattern)
    return pc.if_else(matching, text, _nulls_like(text)).cast(kind)


def _as_text(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type):
        # An integer column with empty cells often comes as floats: 39.0 means "39".
        whole = _as_number(array, "int64").cast(pa.string())
        return pc.coalesce(whole, array.cast(pa.string()))
    return _cast(array, pa.string())


def _as_number(array: pa.Array, dtype: CellType) -> pa.Array:
    kind = array.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        if not pa.types.is_boolean(kind):
            raise InputDataError(f"expected numbers or text, received a column of {kind}")
        array = array.cast(pa.int8())
    if dtype != "int64":
        return _finite(_cast(array, pa.float64()), dtype)
    if pa.types.is_integer(array.type):
        too_big = pc.greater(array, pa.scalar(_INT64.max, pa.uint64())) if pa.types.is_uint64(kind) else None
        array = array if too_big is None else pc.if_else(too_big, pa.scalar(None, kind), array)
        return array.cast(pa.int64())
    numbers = _cast(array, pa.float64())
    held = np.nan_to_num(numbers.to_numpy(zero_copy_only=False), nan=0.5, posinf=0.5, neginf=0.5)
    fits = (np.floor(held) == held) & (np.abs(held) < 2.0**63)
    return pa.array(np.where(fits, held, 0).astype(np.int64), mask=~fits)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return array.cast(kind, safe=not pa.types.is_floating(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputDataError(f"can't read a column of {array.type} as {kind}") from error


def _finite(numbers: pa.Array, dtype: CellType) -> pa.Array:
    """Numbers of the float type; infinite ones become null, NaN stays."""
    limit = float(np.finfo(np.float32 if dtype == "float32" else np.float64).max)
    fits = pc.or_(pc.less_equal(pc.abs(numbers), limit), pc.is_nan(numbers))
    return pc.if_else(fits, numbers, pa.scalar(None, pa.float64())).cast(_ARROW[dtype], safe=False)


def _without_nan(values: pa.Array, original: pa.Array, empty: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """NaN, in the original or once read, is an empty cell."""
    for array in (values, original):
        if pa.types.is_floating(array.type):
            empty = empty | np.asarray(pc.is_nan(array).fill_null(False))
    return pc.if_else(pa.array(empty), _nulls_like(values), values), empty


def _nulls_like(array: pa.Array) -> pa.Array:
    # In pyarrow 18, if_else with a null scalar reads beyond the end of text that is a slice of a longer array.
    return pa.nulls(len(array), array.type)
