"""Times of rows: numbers, text or Arrow times, as milliseconds since 1970."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.config.tables import ISO_8601, TimeColumn
from tfgrec.graph.rows.cells import Cells, is_null, plain, read_cells, read_numbers
from tfgrec.graph.rows.iso_times import read_iso_times
from tfgrec.graph.times import EARLIEST, LATEST

_UNITS_PER_SECOND = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
_SHAPES = {
    "%Y": r"\d{4}",
    **dict.fromkeys(("%m", "%d", "%H", "%M", "%S"), r"\d{2}"),
    "%f": r"\d{1,9}",
    "%z": r"[+-]\d{2}:?\d{2}",
}
_ARROW_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def read_times(array: pa.Array, time: TimeColumn) -> Cells:
    """A time column's cells as int64 milliseconds since 1970, rounded down.

    Arrow timestamps and dates are read as they are (UTC where naive), whatever the table's `unit` or `format` says;
    nothing else is readable where it says neither. Times before 1971 or after 2200 are unreadable: they come from a
    wrong unit or a marker such as -1.
    """
    array = plain(array)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        empty = is_null(array)
        milliseconds = _of_timestamps(array)
    elif time.format is not None:
        milliseconds, empty = _of_text(array, time.format)
    elif time.unit is not None:
        milliseconds, empty = _of_numbers(array, _UNITS_PER_SECOND[time.unit])
    else:
        milliseconds, empty = np.full(len(array), -1), is_null(array)
    readable = (milliseconds >= EARLIEST) & (milliseconds < LATEST) & ~empty
    complaint = f"is not a time {_described(time)} between 1971 and 2200"
    return Cells(pa.array(milliseconds, pa.int64(), mask=~readable), empty, ~readable & ~empty, complaint)


def _described(time: TimeColumn) -> str:
    if time.format is not None:
        return f"of format {time.format}"
    return f"in {time.unit}" if time.unit is not None else "of Parquet's own kind (others need unit or format)"


def _of_timestamps(array: pa.Array) -> np.ndarray:
    """Arrow keeps moments as counts of a unit since 1970, in UTC whether or not a time zone is named."""
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("ms"))
    counts = _with_marker(array.cast(pa.int64()))
    units = _UNITS_PER_SECOND[_ARROW_UNITS[array.type.unit]]
    return counts * 1_000 if units == 1 else counts // (units // 1_000)


def _of_numbers(array: pa.Array, units_per_second: int) -> tuple[np.ndarray, np.ndarray]:
    cells = read_numbers(array)
    if pa.types.is_integer(cells.values.type):
        return _of_whole_numbers(cells.values, units_per_second), cells.empty
    numbers = np.nan_to_num(cells.values.to_numpy(zero_copy_only=False), nan=-1.0)
    # Divided where that is exact: a thousandth is no double.
    per_millisecond = units_per_second / 1_000
    milliseconds = numbers / per_millisecond if per_millisecond >= 1 else numbers * (1_000 / units_per_second)
    rounded = np.clip(np.floor(milliseconds), -1, LATEST).astype(np.int64)
    # A fraction beside them must not send whole numbers through doubles.
    whole = read_cells(array, "int64").values
    return np.where(is_null(whole), rounded, _of_whole_numbers(whole, units_per_second)), cells.empty


def _of_whole_numbers(values: pa.Array, units_per_second: int) -> np.ndarray:
    numbers = _with_marker(values)
    if units_per_second >= 1_000:
        return numbers // (units_per_second // 1_000)
    return np.where(numbers < LATEST, numbers, -1) * 1_000


def _of_text(array: pa.Array, pattern: str) -> tuple[np.ndarray, np.ndarray]:
    # Days are often written as bare numbers, for example 20220425.
    text = read_cells(array, "string")
    if pattern == ISO_8601:
        return read_iso_times(pc.utf8_trim_whitespace(text.values)), text.empty
    moments = _parse(text.values, pattern)
    return np.where(moments.isna(), -1, _milliseconds(moments)), text.empty


def _parse(text: pa.Array, pattern: str) -> pd.Series:
    """Moments; NaT where text is not all that the format of strptime says.

    Pandas has a quick way for formats like ISO 8601, which in some versions takes 2024 for a day: it is gone for text
    that has each part alone. A sign before the format takes the other way.
    """
    shape = _shape(pattern)
    whole = shape is not None and pc.all(pc.match_substring_regex(text, shape)).as_py() is not False
    sign = "" if whole else "~"
    moments = pd.to_datetime(sign + text.to_pandas(), format=f"{sign}{pattern}", errors="coerce", utc=True)
    # Where there is none, some versions forget the zone.
    return moments if moments.dt.tz is not None else moments.dt.tz_localize("UTC")


def _shape(pattern: str) -> str | None:
    """A regular expression of texts that have all parts of a format, None where it has others than of ISO 8601."""
    literals, directives = re.split("%.", pattern), re.findall("%.", pattern)
    if not all(directive in _SHAPES for directive in directives):
        return None
    parts = [re.escape(literals[0])]
    for directive, literal in zip(directives, literals[1:], strict=True):
        parts += [_SHAPES[directive], re.escape(literal)]
    return f"^{''.join(parts)}$"


def _milliseconds(moments: pd.Series) -> np.ndarray:
    """pandas keeps times at different resolutions from version to version."""
    return moments.dt.tz_convert(None).to_numpy().astype("datetime64[ms]").astype(np.int64)


def _with_marker(numbers: pa.Array) -> np.ndarray:
    """Integers with -1, which is no time, for null."""
    return numbers.fill_null(-1).to_numpy(zero_copy_only=False)
