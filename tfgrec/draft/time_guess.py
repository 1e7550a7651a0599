"""Which column of a log holds its times, and how they are written."""

import dataclasses
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.config.tables import ISO_8601, TimeColumn
from tfgrec.draft.table_looks import ColumnLook, TableLook
from tfgrec.errors import ConfigurationError
from tfgrec.graph.rows.cells import is_list, is_text
from tfgrec.graph.rows.times import read_times

_UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")
# 1995 and 2100: narrower than what the jobs take, so that other numbers are not taken for times.
_EARLIEST, _LATEST = 788_918_400_000, 4_102_444_800_000
WAYS = "numbers since 1970, ISO 8601 text, or Parquet's own times"
_SAMPLE = 10_000
_NAMES = re.compile(r"(?i)time|date|(^|_)(ts|at|ms|day|dt)$")


@dataclasses.dataclass(frozen=True)
class TimeGuess:
    """How a column's times are read, and how many different ones it has."""

    column: TimeColumn
    distinct: int


def is_named_as_time(name: str) -> bool:
    """Whether a column is named like one of times; ids may be as long numbers as times are."""
    return _NAMES.search(name) is not None


def time_in(look: ColumnLook) -> TimeGuess | None:
    """How a column's cells are times; None where they are none."""
    cells = look.cells.drop_null()
    if not len(cells) or is_list(cells.type):
        return None
    sample = cells.take(pa.array(np.linspace(0, len(cells) - 1, min(_SAMPLE, len(cells))).astype(np.int64)))
    for way in _ways(look, cells):
        times = read_times(sample, way)
        readable = times.values.drop_null()
        span = pc.min_max(readable)
        if len(readable) == len(sample) and span["min"].as_py() >= _EARLIEST and span["max"].as_py() < _LATEST:
            return TimeGuess(way, len(cells.unique()))
    return None


def time_of(table: TableLook, flag: str | None) -> TimeGuess | None:
    """The time column of a table: that of the flag, or else the one named like one with the most different ones.

    Raises:
      ConfigurationError: the flag's column has no times.
    """
    if flag is not None:
        found = time_in(table.column(flag, "--time"))
        if found is None:
            received = next(iter(table.columns[flag].cells.drop_null()), None)
            raise ConfigurationError(
                f"--time {flag}: can't tell how the times of {table.path} are written: expected {WAYS}, from 1995 to "
                f"2100, received {received}; write other texts as ISO 8601 first, as a split needs"
            )
        return found
    found = [guess for look in table.columns.values() if (guess := time_in(look)) is not None]
    return max(found, key=lambda guess: (is_named_as_time(guess.column.column), guess.distinct), default=None)


def _ways(look: ColumnLook, cells: pa.Array) -> list[TimeColumn]:
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        return [TimeColumn(column=look.name)]
    if look.dtype == "string" and is_text(cells.type):
        return [TimeColumn(column=look.name, format=ISO_8601)]
    if look.dtype in ("int64", "float32"):
        return [TimeColumn(column=look.name, unit=unit) for unit in _UNITS]
    return []
