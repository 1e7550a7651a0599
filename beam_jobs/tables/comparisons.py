"""Comparing a column with values from a configuration, in the column's own type."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.tables.cells import Cells, is_text, plain, read_cells, read_numbers
from beam_jobs.tables.times import read_times
from tfgrec.config.tables import Scalar, TimeColumn
from tfgrec.errors import ConfigurationError

_MILLISECONDS_PER_DAY = 86_400_000
_LENGTH_OF_DATE = len("2022-04-25")


def equals_any(array: pa.Array, values: Sequence[Scalar]) -> tuple[np.ndarray, Cells]:
    """Where a column's cells are one of `values`, bool `[num_cells]` (never where empty), and the cells as compared.

    Raises:
      ConfigurationError: a value can't be one of the column's type.
    """
    cells, comparable = _comparable(array, values)
    matching = np.zeros(len(array), bool)
    for value in comparable:
        matching |= np.asarray(pc.equal(cells.values, value).fill_null(False))
    return matching, cells


def between(array: pa.Array, first: Scalar, last: Scalar) -> tuple[np.ndarray, Cells]:
    """Where a column's cells lie in `[first, last]`, bool `[num_cells]` (never where empty), and the cells as compared.

    A date given for a column of times stands for its whole day (UTC).

    Raises:
      ConfigurationError: a bound can't be of the column's type, or `last` comes before `first`.
    """
    cells, (low, high) = _comparable(array, (first, last))
    if low > high:
        raise ConfigurationError(f"the range [{first!r}, {last!r}] ends before it begins")
    inside = pc.and_(pc.greater_equal(cells.values, low), pc.less_equal(cells.values, high))
    return np.asarray(inside.fill_null(False)), cells


def _comparable(array: pa.Array, values: Sequence[Scalar]) -> tuple[Cells, list]:
    array = plain(array)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return _as_moments(array, values)
    if is_text(array.type) and all(isinstance(value, str) for value in values):
        return read_cells(array, "string"), list(values)
    return read_numbers(array), [_number(value) for value in values]


def _number(value: Scalar) -> int | float:
    if not isinstance(value, str):
        return value
    cells = read_numbers(pa.array([value]))
    if cells.unreadable[0] or cells.empty[0]:
        raise ConfigurationError(f"{value!r} is compared with a column of numbers and is none")
    return cells.values[0].as_py()


def _as_moments(array: pa.Array, values: Sequence[Scalar]) -> tuple[Cells, list[int]]:
    cells = read_times(array, TimeColumn(column="", unit="milliseconds"))
    moments = [_moment(value) for value in values]
    if all(len(str(value)) == _LENGTH_OF_DATE for value in values):
        days = pc.divide(cells.values, _MILLISECONDS_PER_DAY)
        return dataclasses.replace(cells, values=days), [moment // _MILLISECONDS_PER_DAY for moment in moments]
    return cells, moments


def _moment(value: Scalar) -> int:
    if isinstance(value, str):
        moment = pd.to_datetime(value, errors="coerce", utc=True)
        if not pd.isna(moment):
            return int(moment.timestamp() * 1_000)
    raise ConfigurationError(f"{value!r} is compared with a column of times: expected text like '2022-04-25'")
