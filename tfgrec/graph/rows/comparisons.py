"""Comparing a column with values from a configuration: alike whether a file has it as text or typed."""

import dataclasses
import math
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.config.tables import Scalar, TimeColumn
from tfgrec.config.text_order import form_of, is_date, order_of
from tfgrec.errors import ConfigurationError
from tfgrec.graph.rows.cells import Cells, is_null, is_text, plain, read_cells, read_numbers
from tfgrec.graph.rows.iso_times import NO_TIME, read_iso_times
from tfgrec.graph.rows.times import read_times

_MILLISECONDS_PER_DAY = 86_400_000
# 007 and 1e3 are texts of their own; true is what booleans are written as.
_PLAIN_NUMBER = re.compile(r"(?i)-?(0|[1-9]\d*)(\.\d+)?|true|false")
_LEADING_ZERO = r"^[+-]?0\d"
NO_BOOLEAN = (
    "is neither true nor false: YAML reads yes, no, on and off as these: to mean the words, put them in quotes there"
)


def equals_any(array: pa.Array, values: Sequence[Scalar]) -> tuple[np.ndarray, Cells]:
    """Where a column's cells are one of `values`, bool `[num_cells]` (never where empty), and the cells as compared.

    Text is equal to the same text; to a number, or text that is one, where it is that number (1 to 1.0, though not to
    01); to a date where it is a time of that day (UTC).

    Raises:
      ConfigurationError: a value can't be one of the column's type.
    """
    array = plain(array)
    matching = np.zeros(len(array), bool)
    if _has_times(array.type):
        cells = read_times(array, TimeColumn(column="", unit="milliseconds"))
        for value in values:
            matching |= _within(cells.values, *_moments(value, value))
        return matching, cells
    text = is_text(array.type)
    for value in values:
        matching |= _equal_text(array, value) if text and isinstance(value, str) else _equal_number(array, value)
    if text and any(isinstance(value, str) for value in values):
        return matching, read_cells(array, "string")
    return matching, _numbers(array, values)


def between(array: pa.Array, first: Scalar, last: Scalar) -> tuple[np.ndarray, Cells]:
    """Where a column's cells lie in `[first, last]`, bool `[num_cells]` (never where empty), and the cells as compared.

    A date stands for its whole day (UTC) in a column of times, and in one of text too.

    Raises:
      ConfigurationError: a bound can't be of the column's type, or `last` comes before `first`, or texts are given
        that do not order as what they stand for.
    """
    array = plain(array)
    if _has_times(array.type):
        cells, bounds = read_times(array, TimeColumn(column="", unit="milliseconds")), _moments(first, last)
    elif is_text(array.type) and isinstance(first, str) and isinstance(last, str):
        order = order_of(first, last)
        if order == "text" and first == last:
            return equals_any(array, [first])
        if order is None:
            raise ConfigurationError(f"the range [{first!r}, {last!r}] does not order as text")
        if order == "time":
            cells, bounds = _text_times(array), _moments(first, last)
        elif order == "number":
            cells, bounds = read_numbers(array), (_number(first), _number(last))
        else:
            cells, bounds = _text_of_form(array, first), (first, last)
    else:
        cells, bounds = _numbers(array, (first, last)), (_number(first), _number(last))
    if not bounds[0] <= bounds[1]:
        raise ConfigurationError(f"the range [{first!r}, {last!r}] ends before it begins")
    inside = _within(cells.values, *bounds)
    if pa.types.is_floating(cells.values.type):
        # Whole numbers stay exact beside a fraction.
        whole = read_cells(array, "int64").values
        inside = np.where(is_null(whole), inside, _within(whole, *bounds))
    return inside, cells


def _within(values: pa.Array, low: int | float | str, high: int | float | str) -> np.ndarray:
    # Arrow refuses bounds that the values' type does not hold.
    if pa.types.is_integer(values.type):
        low, high = math.ceil(min(max(low, -(2**63)), 2**63)), math.floor(max(min(high, 2**63 - 1), -(2**63) - 1))
        if low > high:
            return np.zeros(len(values), bool)
    elif pa.types.is_floating(values.type):
        low, high = float(low), float(high)
    inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return np.asarray(inside.fill_null(False))


def _has_times(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _equal_text(array: pa.Array, value: str) -> np.ndarray:
    text = array.cast(pa.string())
    matching = np.asarray(pc.equal(text, value).fill_null(False))
    if is_date(value):
        matching |= _within(_text_times(array).values, *_moments(value, value))
    elif _PLAIN_NUMBER.fullmatch(value):
        zeros = np.asarray(pc.match_substring_regex(pc.utf8_trim_whitespace(text), _LEADING_ZERO).fill_null(False))
        matching |= _equal_number(array, value) & ~zeros
    return matching


def _equal_number(array: pa.Array, value: Scalar) -> np.ndarray:
    """Whole numbers are compared as such, exactly; floats in the precision that their column has."""
    number = _number(value)
    decimals = read_cells(array, "float64").values
    if pa.types.is_float32(array.type):
        number = float(np.float32(number))
    if number != number // 1 or not -(2**63) <= number < 2**63:
        return np.asarray(pc.equal(decimals, pa.scalar(float(number), pa.float64())).fill_null(False))
    whole = read_cells(array, "int64").values
    exact = pc.equal(whole, pa.scalar(int(number), pa.int64()))
    return np.asarray(pc.coalesce(exact, pc.equal(decimals, float(number))).fill_null(False))


def _numbers(array: pa.Array, compared: Sequence[Scalar]) -> Cells:
    """Cells as numbers, to be compared with such or with booleans."""
    cells = read_numbers(array)
    booleans = any(isinstance(value, bool) for value in compared)
    return dataclasses.replace(cells, complaint=NO_BOOLEAN) if booleans else cells


def _number(value: Scalar) -> int | float:
    if not isinstance(value, str):
        return int(value) if isinstance(value, bool) else value
    cells = read_numbers(pa.array([value]))
    if cells.unreadable[0] or cells.empty[0]:
        raise ConfigurationError(f"{value!r} is compared with a column of numbers and is none")
    return cells.values[0].as_py()


def _text_times(array: pa.Array) -> Cells:
    """Text as milliseconds since 1970."""
    cells = read_cells(array, "string")
    moments, empty = read_iso_times(pc.utf8_trim_whitespace(cells.values)), cells.empty
    wrong = (moments == NO_TIME) & ~empty
    values = pa.array(moments, pa.int64(), mask=wrong | empty)
    return Cells(values, empty, wrong, "is not a date or time like 2024-01-31, with which it is compared")


def _text_of_form(array: pa.Array, example: str) -> Cells:
    """Text; where the `example` has digits, what has them in other places can't be ordered among such texts."""
    cells = read_cells(array, "string")
    if form_of(example) == example:
        return cells
    forms = pc.replace_substring_regex(cells.values, r"\d", "0")
    # Text that can't be read has no form either.
    wrong = np.asarray(pc.not_equal(forms, form_of(example)).fill_null(False)) | cells.unreadable
    values = pc.if_else(pa.array(wrong), pa.nulls(len(array), pa.string()), cells.values)
    return Cells(
        values, cells.empty, wrong, f"is not written like {example}, so that it does not order among such texts"
    )


def _moments(first: Scalar, last: Scalar) -> tuple[int, int]:
    """The first and the last millisecond of a range."""
    low, high = (_moment(value) for value in (first, last))
    return low, high + (_MILLISECONDS_PER_DAY - 1 if is_date(str(last)) else 0)


def _moment(value: Scalar) -> int:
    moment = int(read_iso_times(pa.array([value]))[0]) if isinstance(value, str) else NO_TIME
    if moment == NO_TIME:
        raise ConfigurationError(f"{value!r} is compared with a column of times: expected text like '2022-04-25'")
    return moment
