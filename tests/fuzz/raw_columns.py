"""Columns in all the types that CSV and Parquet have for the same values, with cells that are none among them."""

import dataclasses
import datetime
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from documented_cells import DAY, Cell
from hypothesis import strategies as st

TEXTS = ("string", "large_string", "category", "binary")
INTEGERS = ("int64", "int32", "int16", "uint64", "uint32")
ARROW = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "category": pa.string(),
    "binary": pa.binary(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "int16": pa.int16(),
    "uint64": pa.uint64(),
    "uint32": pa.uint32(),
    "float64": pa.float64(),
    "float32": pa.float32(),
    "decimal": pa.decimal128(22, 2),
    "whole decimal": pa.decimal128(20, 0),
    "boolean": pa.bool_(),
    "date32": pa.date32(),
    "date64": pa.date64(),
    "null": pa.null(),
}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
MOMENTS = tuple(f"timestamp {unit}{zone}" for unit in _PER_SECOND for zone in ("", " UTC", " Asia/Shanghai"))


@dataclasses.dataclass(frozen=True)
class RawColumn:
    """A column of one file: `kind` is a key of ARROW, a timestamp, "csv", or "list of <kind>" and the like.

    Cells are what Arrow takes; text of CSV may be bytes that are no UTF-8. Moments are whole numbers of their unit.
    """

    kind: str
    cells: list[Any]

    def cell(self, row: int) -> Cell:
        """As the documentation speaks of it."""
        return _cell(self.kind, self.cells[row])

    def is_broken(self, row: int) -> bool:
        """Whether bytes in the cell are no UTF-8 text."""
        value = self.cells[row]
        return any(map(_is_broken, value if isinstance(value, list) else [value]))

    def array(self) -> pa.Array:
        """For a Parquet file."""
        array = pa.array([_bytes(self.kind, value) for value in self.cells], arrow_type(self.kind))
        return array.dictionary_encode() if self.kind == "category" else array


def arrow_type(kind: str) -> pa.DataType:
    """Arrow's type of a kind of columns."""
    if kind.startswith("timestamp"):
        _, unit, *zone = kind.split(" ")
        return pa.timestamp(unit, *zone)
    form, _, of = kind.rpartition(" of ")
    if not form:
        return ARROW[of]
    return {"list": pa.list_, "large list": pa.large_list}.get(form, lambda kind: pa.list_(kind, 2))(arrow_type(of))


def _bytes(kind: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_bytes(kind.rpartition(" of ")[2], part) for part in value]
    return value.encode() if kind == "binary" and isinstance(value, str) else value


def _is_broken(value: Any) -> bool:
    try:
        return isinstance(value, bytes) and value.decode() is None
    except UnicodeDecodeError:
        return True


def _cell(kind: str, value: Any) -> Cell:
    form, _, of = kind.rpartition(" of ")
    if form:
        return Cell("list", None if value is None else [_cell(of, part) for part in value])
    if is_text(kind):
        value = value.decode() if isinstance(value, bytes) else value
        return Cell("text", None if value == "" and kind == "csv" else value)
    if kind.startswith("timestamp"):
        return Cell("moment", None if value is None else Fraction(value * 1_000, _PER_SECOND[kind.split(" ")[1]]))
    if kind in ("date32", "date64"):
        days = None if value is None else (value - datetime.date(1970, 1, 1)).days
        return Cell("moment", None if days is None else Fraction(days * DAY))
    if kind in INTEGERS:
        return Cell("integer", value)
    return Cell("decimal" if kind == "whole decimal" else kind, value)


_ODD = {
    "csv": ["", " ", "nan", "x", "1e1", "0x1F", "+7", "1_0", b"caf\xe9", "\u0663", "9.0072E+15", "9" * 20],
    "string": ["", " ", "NaN", "x", "inf", "-0", "a\0b", "1e400"],
    "binary": ["", b"\xff\xfe", "x"],
    "float64": [math.nan, math.inf, 0.5, -0.0, 2.0**53, -(2.0**60), 2.0**64],
    "float32": [math.nan, math.inf, 0.5, -0.0, 2.0**24],
    "decimal": [Decimal("0.50"), Decimal("12345678901234567890.00")],
    "whole decimal": [Decimal(2**63), Decimal(-(2**63))],
    "uint64": [2**63, 2**64 - 1],
    "int64": [2**63 - 1, -(2**63), 2**53 + 1],
}


@st.composite
def cells(
    draw: st.DrawFn, kind: str, wanted: Sequence[Any], odd: Sequence[Any] = (), *, small: bool = False
) -> list[Any]:
    """Whole numbers, text, or moments in milliseconds (by the kind) as cells, a few of them null or odd.

    `odd` are more of these for columns of text; `small` leaves out the numbers that sums of doubles can't hold.
    """
    choices = [*_ODD.get(kind, ()), *(odd if is_text(kind) else ())]
    choices = [value for value in choices if not (small and _is_large(value))]
    found = []
    for value in wanted:
        chance = draw(st.integers(0, 31))
        if chance == 31:
            found.append("" if kind == "csv" else None)
        elif chance == 30 and choices:
            found.append(draw(st.sampled_from(choices)))
        else:
            found.append(_as_kind(kind, value, draw))
    return found


def is_text(kind: str) -> bool:
    """Whether cells are text."""
    return kind == "csv" or kind in TEXTS


def _is_large(value: Any) -> bool:
    try:
        return abs(float(value)) > 1_000
    except ValueError:
        return False


def _as_kind(kind: str, value: Any, draw: st.DrawFn) -> Any:
    if isinstance(value, str):
        return value
    if kind.startswith(("timestamp", "date")):
        return _as_moment(kind, value)
    if is_text(kind):
        form = draw(st.sampled_from(["{}", "{}", "{}", "{}.0", " {}", "{}.00", "+{}", "0{}"]))
        return form.format(value) if value >= 0 or form[0] not in "+0" else str(value)
    if kind == "null":
        return None
    if kind in ("decimal", "whole decimal"):
        return Decimal(value) if abs(value) < 10**20 else None
    if kind == "boolean":
        return bool(value) if value in (0, 1) else None
    if kind.startswith("float"):
        return float(np.float32(value)) if kind == "float32" else float(value)
    bounds = np.iinfo(kind)
    return value if bounds.min <= value <= bounds.max else None


def _as_moment(kind: str, milliseconds: int) -> Any:
    if kind.startswith("date"):
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=milliseconds // DAY)
    counts = milliseconds * _PER_SECOND[kind.split(" ")[1]] // 1_000
    return counts if abs(counts) < 2**63 else None
