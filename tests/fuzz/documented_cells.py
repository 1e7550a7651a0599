"""What a cell of a table stands for, as docs/your_data.md says: one cell at a time, in plain Python.

A cell is a pair of its column's kind and its value: "text" (also binary and categories), "integer", "float64",
"float32", "decimal", "boolean", "moment" (milliseconds since 1970, a Fraction), "list" (a list of cells) and "null".
"""

import datetime
import enum
import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

DAY = 86_400_000
EARLIEST, LATEST = 365 * DAY, 84_006 * DAY
_LEAST, _MOST = -(2**63), 2**63 - 1
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_ROUNDED = re.compile(r"-?[0-9]\.[0-9]+[eE]\+[0-9]+")
_PLAIN_NUMBER = re.compile(r"(?i)-?(0|[1-9][0-9]*)(\.[0-9]+)?|true|false")
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?"
    r" ?(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)?)?",
    re.ASCII,
)


class Said(enum.Enum):
    """What is said of a cell that has no value: there is nothing in it, or nothing that can be read."""

    EMPTY = "empty"
    BAD = "bad"


EMPTY, BAD = Said.EMPTY, Said.BAD


class Cell(NamedTuple):
    """One cell of a column."""

    kind: str
    value: Any


def whole(cell: Cell, *, ids: bool = False) -> int | Said:
    """As DT_INT64."""
    exact = _exact(cell, _WHOLE)
    if ids and _is_rounded(cell):
        return BAD
    if isinstance(exact, Said):
        return exact
    return int(exact) if exact == exact // 1 and _LEAST <= exact <= _MOST else BAD


def number(cell: Cell) -> float | Said:
    """As DT_FLOAT: in 32 bits."""
    exact = _exact(cell, _NUMBER)
    if isinstance(exact, Said):
        return exact
    with np.errstate(over="ignore"):
        rounded = np.float32(_double(exact))
    return float(rounded) if np.isfinite(rounded) else BAD


def exact_number(cell: Cell) -> Fraction | Said:
    """A number in a column that graph.pbtxt does not type."""
    return _exact(cell, _NUMBER)


def text(cell: Cell, *, ids: bool = False) -> str | Said:
    """As DT_STRING."""
    kind, value = cell
    if value is None or value == "" or _is_nan(value):
        return EMPTY
    if ids and _is_rounded(cell):
        return BAD
    if kind == "text":
        return BAD if "\0" in value else value
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "decimal":
        return format(value.quantize(1) if value == value.to_integral_value() else value.normalize(), "f")
    return str(int(value)) if value == value // 1 else repr(value)


def values(cell: Cell, separator: str) -> list[Cell]:
    """The cells within one of several values."""
    if cell.kind == "list":
        return [] if cell.value is None else cell.value
    if cell.kind == "text" and cell.value is not None:
        return [Cell("text", part.strip()) for part in cell.value.split(separator)]
    return [] if cell.value is None else [cell]


def moment(cell: Cell, *, unit: int | None, pattern: str | None) -> int | Said:
    """As a time in milliseconds: of `unit` units a second, or text like `pattern` (of strptime, or iso8601)."""
    kind, value = cell
    if value is None or _is_nan(value):
        return EMPTY
    if kind == "moment":
        found = value
    elif pattern is not None:
        as_text = text(cell)
        if isinstance(as_text, Said):
            return as_text
        found = iso(as_text.strip()) if pattern == "iso8601" else _strptime(as_text, pattern)
    elif unit is not None:
        found = _exact(cell, _NUMBER)
        if found is EMPTY:
            return EMPTY
        found = found if found is BAD else found * 1_000 / unit
    else:
        return BAD
    if found is BAD or found is None:
        return BAD
    found = math.floor(found)
    return found if EARLIEST <= found < LATEST else BAD


def equals(cell: Cell, wanted: bool | int | str) -> bool | Said:
    """Whether a `where` lets it through; BAD where it can't be compared."""
    if cell.value is None:
        return False
    if cell.kind == "text" and isinstance(wanted, str):
        if "\0" in cell.value:
            return BAD
        if cell.value == wanted:
            return True
        if not _PLAIN_NUMBER.fullmatch(wanted) or re.match(r"[+-]?0[0-9]", cell.value.strip()):
            return False
        return _exact(cell, _NUMBER) == _exact(Cell("text", wanted), _NUMBER)
    found = _exact(cell, _NUMBER)
    if isinstance(found, Said):
        return BAD if found is BAD else False
    return found == (_exact(Cell("text", wanted), _NUMBER) if isinstance(wanted, str) else int(wanted))


def within(cell: Cell, first: int | str, last: int | str) -> bool | Said:
    """Whether a range of `split` holds it."""
    if isinstance(first, int):
        found = _exact(cell, _NUMBER)
        return found if isinstance(found, Said) else first <= found <= last
    if cell.value is None or cell.value == "":
        return EMPTY
    if cell.kind == "text" and "\0" in cell.value:
        return BAD
    if iso(first) is not None:
        found = math.floor(cell.value) if cell.kind == "moment" else iso(cell.value.strip())
        if cell.kind == "moment" and not EARLIEST <= found < LATEST:
            return BAD
        return BAD if found is None else iso(first) <= found < iso(last) + DAY
    forms = [re.sub(r"[0-9]", "0", written) for written in (cell.value, first)]
    return first <= cell.value <= last if forms[0] == forms[1] else BAD


def iso(written: str) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 text, rounded down."""
    match = _ISO.fullmatch(written)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3, 4, 5, 6))
    try:
        clock = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    ahead, past = int(match[10] or 0), int(match[11] or 0)
    if ahead > 23 or past > 59:
        return None
    offset = (ahead * 60 + past) * (-1 if match[9] == "-" else 1)
    seconds = (clock - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(seconds=1)
    return (seconds - offset * 60) * 1_000 + int((match[7] or "0").ljust(3, "0")[:3])


def _strptime(written: str, pattern: str) -> Fraction | None:
    try:
        clock = datetime.datetime.strptime(written, pattern)
    except ValueError:
        return None
    clock = clock if clock.tzinfo else clock.replace(tzinfo=datetime.timezone.utc)
    since = clock - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return Fraction(since // datetime.timedelta(microseconds=1), 1_000)


def _exact(cell: Cell, pattern: re.Pattern) -> Fraction | Said:
    """A number with all of its digits."""
    kind, value = cell
    if value is None or _is_nan(value):
        return EMPTY
    if kind != "text":
        return BAD if isinstance(value, float) and math.isinf(value) else Fraction(value)
    written = value.strip()
    if written.lower() in ("", "nan"):
        return EMPTY
    if written.lower() in ("true", "false"):
        return Fraction(written.lower() == "true")
    if not pattern.fullmatch(written):
        return BAD
    exact = Fraction(Decimal(written)) if abs(Decimal(written).adjusted()) < 400 else None
    if exact is None:
        return Fraction(0) if Decimal(written).adjusted() < 0 or not Decimal(written) else BAD
    return exact if abs(exact) < Fraction(2) ** 1024 else BAD


def _double(exact: Fraction) -> float:
    return exact.numerator / exact.denominator


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_rounded(cell: Cell) -> bool:
    """Whether digits of an id are lost."""
    if cell.kind == "text":
        return cell.value is not None and _ROUNDED.fullmatch(cell.value) is not None
    if cell.kind not in ("float32", "float64") or cell.value is None or _is_nan(cell.value):
        return False
    return abs(cell.value) >= (2**24 if cell.kind == "float32" else 2**53)
