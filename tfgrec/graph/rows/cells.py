"""Cells of a table's column, text or typed, read as the dtype that the schema declares: vectorised, bad ones marked."""

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
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
# How spreadsheets and pandas write numbers of which they have dropped digits: 9.00719925474099E+15.
_ROUNDED_TEXT = r"^-?\d\.\d+[eE]\+\d+$"
# From here on a floating-point number of a type stands for several whole numbers, by its bits.
_FIRST_ROUNDED = {32: 2.0**24, 64: 2.0**53}

TOO_LONG = "does not fit 64 bits: ids that long need DT_STRING in graph.pbtxt"
NUL = "holds a NUL character: is the file of another encoding than UTF-8?"
ROUNDED_TEXT = "is a number that was rounded when it was written: write ids with all of their digits"


@dataclasses.dataclass(frozen=True)
class Cells:
    """Cells read as one type.

    Attributes:
      values: `[num_cells]`, null where the cell is empty or unreadable.
      empty: bool `[num_cells]`.
      unreadable: bool `[num_cells]`.
      complaint: what is wrong with the unreadable ones.
      causes: of some of the unreadable ones, bool `[num_cells]`, something else that is wrong.
    """

    values: pa.Array
    empty: np.ndarray
    unreadable: np.ndarray
    complaint: str
    causes: tuple[tuple[np.ndarray, str], ...] = ()

    def complaints(self) -> Iterator[tuple[np.ndarray, str]]:
        """Cells, bool `[num_cells]`, and what is wrong with them: the first that holds of a cell tells most."""
        yield from self.causes
        yield self.unreadable, self.complaint

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


def read_cells(array: pa.Array, dtype: CellType, *, ids: bool = False) -> Cells:
    """Reads a column's cells as `dtype`.

    Text is parsed; whole numbers may be written with a fraction of zeros ("3.0"), booleans as true and false.
    Null, empty text and NaN are empty; infinity and numbers that don't fit the type are unreadable. What a cell
    is read as depends on that cell alone, never on the others of its batch.

    With `ids`, numbers that were rounded are unreadable: floating-point ones that stand for several whole numbers
    (doubles from 2^53 on) and text such as 9.0072e+15. Text with a NUL character is unreadable always: pandas, which
    compares text as C does, takes "a" and "a" with more behind a NUL for one.

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
    causes = _rounded(array) if ids else []
    if dtype == "string" and is_text(kind) and (with_nul := _with_nul(array)).any():
        causes.append((with_nul, NUL))
    for unfit, _ in causes:
        values = pc.if_else(pa.array(unfit), _nulls_like(values), values)
    if pa.types.is_floating(values.type) or pa.types.is_floating(kind):
        values, empty = _without_nan(values, array, empty)
    unreadable = is_null(values) & ~empty
    if dtype == "int64" and unreadable.any():
        causes.append((unreadable & _too_long(array), TOO_LONG))
    return Cells(values, empty, unreadable, _COMPLAINTS[dtype], tuple(causes))


def read_numbers(array: pa.Array) -> Cells:
    """Reads cells as int64 where all readable ones are whole, else as float64: for columns that no schema types."""
    cells = read_cells(array, "int64")
    if cells.unreadable.any():
        numbers = read_cells(array, "float64")
        cells = numbers if (cells.unreadable & ~numbers.unreadable).any() else cells
    return dataclasses.replace(cells, complaint="is not a number", causes=())


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
        values[cell] = _within_64_bits(text[cell].as_py())
    return pa.array(values, pa.int64())


def _within_64_bits(digits: str) -> int | None:
    if len(digits.lstrip("-0")) > len(str(_INT64.max)):
        return None
    value = int(digits)
    return value if _INT64.min <= value <= _INT64.max else None


def _too_long(array: pa.Array) -> np.ndarray:
    """Which cells are whole numbers outside of int64, bool `[num_cells]`."""
    kind = array.type
    if is_text(kind):
        text = pc.replace_substring_regex(pc.utf8_trim_whitespace(array.cast(pa.string())), r"\.0*$", "")
        digits = text.filter(pc.match_substring_regex(text, r"^[+-]?\d{19,}$").fill_null(False))
        outside = {cell for cell in digits.unique().to_pylist() if _within_64_bits(cell.lstrip("+")) is None}
        return np.asarray(pc.is_in(text, pa.array(sorted(outside), pa.string())))
    if pa.types.is_decimal(kind):
        cells = array.to_pylist()
        return np.array([of is not None and of == int(of) and not _INT64.min <= of <= _INT64.max for of in cells], bool)
    if pa.types.is_floating(kind):
        values = np.nan_to_num(_floats(array), nan=0.0, posinf=0.0, neginf=0.0)
        return np.abs(values) >= 2.0**63
    return np.full(len(array), pa.types.is_uint64(kind))


def _rounded(array: pa.Array) -> list[tuple[np.ndarray, str]]:
    """Cells, bool `[num_cells]`, that are whole numbers of which digits are lost, and how."""
    if is_text(array.type):
        rounded = np.asarray(pc.match_substring_regex(array, _ROUNDED_TEXT).fill_null(False))
        return [(rounded, ROUNDED_TEXT)] if rounded.any() else []
    if not pa.types.is_floating(array.type):
        return []
    bits = array.type.bit_width
    first = _FIRST_ROUNDED[bits]
    values = _floats(array)
    infinite, rounded = np.isinf(values), np.isfinite(values) & (np.abs(np.nan_to_num(values)) >= first)
    reason = (
        f"is a {bits}-bit floating-point number from 2^{int(np.log2(first))} on, which stands for several whole "
        "numbers: store ids as integers or text"
    )
    return [(cells, told) for cells, told in ((rounded, reason), (infinite, "is not a finite number")) if cells.any()]


def _with_nul(array: pa.Array) -> np.ndarray:
    return np.asarray(pc.match_substring(array, "\0").fill_null(False))


def _floats(array: pa.Array) -> np.ndarray:
    return array.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _parse_matching(text: pa.Array, pattern: str, kind: pa.DataType) -> pa.Array:
    matching = pc.match_substring_regex(text, pattern)
    return pc.if_else(matching, text, _nulls_like(text)).cast(kind)


def _as_text(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type):
        # An integer column with empty cells often comes as floats: 39.0 means "39".
        whole = _as_number(array, "int64").cast(pa.string())
        return pc.coalesce(whole, array.cast(pa.string()))
    if pa.types.is_decimal(array.type):
        return pa.array([None if cell is None else _decimal_text(cell) for cell in array.to_pylist()], pa.string())
    return _cast(array, pa.string())


def _decimal_text(number: Decimal) -> str:
    """39.00 is "39", and 2.50 is "2.5", whatever the column's scale."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _whole_decimals(array: pa.Array) -> pa.Array:
    """Decimals as int64, null where they are not whole or don't fit."""
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        cells = array.to_pylist()
        fits = [of is not None and of == int(of) and _INT64.min <= of <= _INT64.max for of in cells]
        return pa.array([int(of) if fit else None for of, fit in zip(cells, fits, strict=True)], pa.int64())


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
    if pa.types.is_decimal(kind):
        return _whole_decimals(array)
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
