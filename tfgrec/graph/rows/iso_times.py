"""Times written as ISO 8601, with or without an offset from UTC, as milliseconds since 1970.

Read by hand: pandas and Arrow each take another part of the standard, and another one from version to version.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NO_TIME = -1

_EXPRESSION = (
    r"^(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r" ?(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_MILLISECONDS = {"hour": 3_600_000, "minute": 60_000, "second": 1_000}
_LIMITS = {"hour": 24, "minute": 60, "second": 60}


def read_iso_times(text: pa.Array) -> np.ndarray:
    """Milliseconds since 1970, int64 `[num_cells]`, rounded down; NO_TIME where the text is no time of this kind."""
    fields = pc.extract_regex(text, _EXPRESSION)
    written = np.asarray(fields.is_valid())
    numbers = {name: _numbers(fields, name) for name in ("year", "month", "day", *_LIMITS)}
    days, exists = _days(numbers["year"], numbers["month"], numbers["day"])
    for name, limit in _LIMITS.items():
        exists &= numbers[name] < limit
    offset, known = _offsets(fields)
    milliseconds = days * 86_400_000 - offset + _fractions(fields)
    milliseconds += sum(numbers[name] * factor for name, factor in _MILLISECONDS.items())
    return np.where(written & exists & known, milliseconds, NO_TIME)


def _field(fields: pa.Array, name: str, default: str) -> pa.Array:
    """What a group of the expression caught, `default` where it caught nothing."""
    caught = fields.field(name).fill_null("")
    return pc.if_else(pc.equal(caught, ""), pa.array([default] * len(caught), pa.string()), caught)


def _numbers(fields: pa.Array, name: str) -> np.ndarray:
    return _field(fields, name, "0").cast(pa.int64()).to_numpy()


def _days(years: np.ndarray, months: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970, and whether there is such a date."""
    exists = (months >= 1) & (months <= 12) & (days >= 1)
    month = ((years - 1970) * 12 + np.where(exists, months, 1) - 1).astype("datetime64[M]")
    first = month.astype("datetime64[D]")
    length = ((month + 1).astype("datetime64[D]") - first).astype(np.int64)
    return first.astype(np.int64) + days - 1, exists & (days <= length)


def _fractions(fields: pa.Array) -> np.ndarray:
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(_field(fields, "fraction", "0"), 3, "0"), 0, 3)
    return digits.cast(pa.int64()).to_numpy()


def _offsets(fields: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds by which a time's clock is ahead of UTC, and whether there is such an offset."""
    zone = pc.replace_substring_regex(_field(fields, "zone", "+00"), "^[Zz]$", "+00")
    digits = pc.utf8_rpad(pc.replace_substring_regex(zone, "[:+-]", ""), 4, "0").cast(pa.int64()).to_numpy()
    hours, minutes = digits // 100, digits % 100
    sign = np.where(np.asarray(pc.starts_with(zone, "-")), -1, 1)
    return sign * (hours * 3_600_000 + minutes * 60_000), (hours < 24) & (minutes < 60)
