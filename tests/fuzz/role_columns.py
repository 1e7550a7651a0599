"""Columns by what they are for: ids that rows share, words, labels, days, times, several values a cell."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from documented_cells import DAY
from hypothesis import strategies as st
from raw_columns import INTEGERS, MOMENTS, TEXTS, RawColumn, cells, is_text

FIRST_DAY = 1_704_067_200_000  # 2024-01-01
NUMBERS = ("int64", *INTEGERS, "float64", "float32", "decimal", "whole decimal", *TEXTS)
LISTS = ("list of string", "large list of string", "fixed list of string", "list of int64", "list of binary")
WORDS = [
    "a",
    "b",
    "39",
    "007",
    "\u00fc",
    "x,y",
    'q"q',
    "line\nbreak",
    " a",
    "nan",
    "NULL",
    "a\0b",
    "a\0c",
    "\U0001f642",
]
UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
STRPTIME = "%Y-%m-%d %H:%M:%S.%f"


@dataclasses.dataclass(frozen=True)
class Choices:
    """What all tables of an input have in common."""

    users: Sequence[Any]
    items: Sequence[Any]
    day_form: str


def days_of(form: str) -> list[int | str]:
    """Five days as `split` names them."""
    forms = {"number": lambda day: 20240100 + day, "iso": "2024-01-0{}".format, "week": "week_0{}".format}
    return [forms[form](day) for day in range(1, 6)]


@st.composite
def populations(draw: st.DrawFn, texts: bool) -> list[Any]:
    """A few ids that most rows name: all words, or all numbers."""
    numbers = [1, 2, 3, 39, 0, -5, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63]
    of = WORDS if texts and draw(st.booleans()) else numbers if draw(st.booleans()) else numbers[:6]
    return draw(st.lists(st.sampled_from(of), min_size=2, max_size=4, unique=True))


@st.composite
def columns(draw: st.DrawFn, role: str, csv: bool, rows: int, time: tuple, choices: Choices) -> RawColumn:
    """Cells of one role in one of the types that fit it."""

    def some(pool: Sequence[Any]) -> list[Any]:
        return [draw(st.sampled_from(pool)) for _ in range(rows)]

    def column(kinds: Sequence[str], pool: Sequence[Any], odd: Sequence[Any] = (), small: bool = False) -> RawColumn:
        kind = "csv" if csv else draw(st.sampled_from(kinds))
        return RawColumn(kind, draw(cells(kind, some(pool), odd, small=small)))

    if role in ("user", "item", "each user", "each item"):
        pool = choices.users if "user" in role else choices.items
        kind = "csv" if csv else draw(st.sampled_from(TEXTS if isinstance(pool[0], str) else NUMBERS))
        wanted = [pool[row % len(pool)] for row in range(rows)] if "each" in role else some(pool)
        # So that there is something to train on.
        wanted = wanted if "each" in role else [*[pool[0]] * 2, *wanted[2:]][:rows]
        return RawColumn(kind, draw(cells(kind, wanted)))
    if role == "users":
        return draw(_lists(csv, some([*choices.users]), some([*choices.users]), choices))
    if role == "tags":
        return draw(_lists(csv, some(["x", "y", " z", "\u00fc", ""]), some(["x", "w", "39"]), choices))
    if role == "word":
        return column(TEXTS, WORDS) if draw(st.integers(0, 3)) else column(("boolean", "int64", "decimal"), [0, 1])
    if role == "state":
        return column(TEXTS, ["liked", "39", "liked", "39.0", "a"])
    if role == "bought":
        return column((*NUMBERS, "boolean"), [1, 0, 1], ["true", "FALSE", "yes", "01"])
    if role == "small":
        return column(NUMBERS, [1, 2, 5, -3], ["2.5"], small=True)
    if role == "number":
        return column(NUMBERS, [1, 2, 39, 2**53 + 1, -7], ["2.5", "1e400", "1e-400"])
    if role == "day":
        return draw(_day_column(csv, rows, choices.day_form))
    return draw(_time_column(csv, rows, *time))


COLUMNS = {
    "users": {"user_id": "each user", "age": "number", "level": "number", "city": "word"},
    "items": {"item_id": "each item", "price": "number", "tags": "tags", "brand": "word"},
    "views": {
        "user_id": "user",
        "item_id": "item",
        "at": "time",
        "day": "day",
        "bought": "bought",
        "stars": "small",
        "place": "word",
    },
    "likes": {"user_id": "user", "item_id": "item", "at": "time", "state": "state", "strength": "small"},
    "friends": {"a": "user", "b": "users"},
    "clips": {"user_id": "user", "item_id": "item", "at": "time", "day": "day", "bought": "bought", "place": "word"},
    "plays": {"user_id": "user", "item_id": "item", "last_at": "time", "position": "number"},
}
"""Column -> role, of each table."""


@st.composite
def _lists(draw: st.DrawFn, csv: bool, first: list, second: list, choices: Choices) -> RawColumn:
    """Several values a cell: text with a separator, or lists."""
    words = not first or isinstance(first[0], str)
    kind = "csv" if csv else draw(st.sampled_from(("string", "category", *LISTS)))
    of = kind.rpartition(" of ")[2]
    if of == "int64" and words:
        first, second = [1] * len(first), [2**53 + 1] * len(second)
    if of == "int64":
        first, second = ([value if abs(value) < 2**63 else 7 for value in part] for part in (first, second))
    if of != "int64":
        first, second = [str(value) for value in first], [str(value) for value in second]
    found: list[Any] = []
    for pair in zip(first, second, strict=True):
        length = 2 if kind.startswith("fixed") else draw(st.sampled_from([2, 1, 0]))
        value = list(pair[:length])
        if is_text(kind):
            value = "|".join(value)
        elif not kind.startswith("fixed") and draw(st.integers(0, 15)) == 15:
            value = None
        elif value and draw(st.integers(0, 15)) == 15:
            value[0] = None
        found.append(value)
    return RawColumn(kind, found)


@st.composite
def _day_column(draw: st.DrawFn, csv: bool, rows: int, form: str) -> RawColumn:
    numbers = [0, 3, *(draw(st.sampled_from([3, 0, 1, 4, 2, 5])) for _ in range(rows - 2))][:rows]
    if form == "number":
        kind = "csv" if csv else draw(st.sampled_from(("int64", "int32", "float64", "decimal", "string", "category")))
        return RawColumn(kind, draw(cells(kind, [20240101 + day for day in numbers], ["2024-01-02"])))
    if form == "week" or csv or draw(st.booleans()):
        kind = "csv" if csv else draw(st.sampled_from(TEXTS))
        odd = ["2024-1-2", "02.01.2024", "week_1", "2024-01-02T23:59:59.9999", "2024-01-04T00:30+01:00", "2024-02-30"]
        written = "2024-01-0{}" if form == "iso" else "week_0{}"
        return RawColumn(kind, draw(cells(kind, [written.format(day + 1) for day in numbers], odd)))
    kind = draw(st.sampled_from(("date32", "date64", *MOMENTS)))
    hours = draw(st.sampled_from([0, 3_600_000, DAY - 1]))
    return RawColumn(kind, draw(cells(kind, [FIRST_DAY + day * DAY + hours for day in numbers])))


@st.composite
def _time_column(draw: st.DrawFn, csv: bool, rows: int, unit: str | None, pattern: str | None) -> RawColumn:
    """Times of six days, some of them equal, a few out of range."""
    late, early = 7_258_118_400_000 + 400 * DAY, 31_535_999_999
    times = [FIRST_DAY + draw(st.integers(0, 40)) * 10_800_125 for _ in range(rows)]
    times = [draw(st.sampled_from([-1, 0, early, late])) if draw(st.integers(0, 31)) == 31 else at for at in times]
    if not csv and (unit == pattern or draw(st.booleans())):
        kind = draw(st.sampled_from(("date32", "date64", *MOMENTS)))
        return RawColumn(kind, draw(cells(kind, times)))
    kind = "csv" if csv else draw(st.sampled_from(TEXTS if pattern else ("int64", "decimal", *TEXTS)))
    if pattern is None:
        counts = [at * UNITS[unit] // 1_000 for at in times]
        odd = ["2024-01-01", f"{FIRST_DAY * UNITS[unit] // 1_000}.5", "1e3"]
        return RawColumn(kind, draw(cells(kind, counts, odd, small=False)))
    odd = ["2024-1-2 03:04:05.6", "2024-02-30 00:00:00.0", "2024-01-02", "2024-01-01T24:00:00", "1704067200"]
    return RawColumn(kind, draw(cells(kind, [_written(at, pattern, draw) for at in times], odd)))


def _written(milliseconds: int, pattern: str, draw: st.DrawFn) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    days, second = divmod(seconds, 86_400)
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
    clock = f"{second // 3_600:02}:{second // 60 % 60:02}:{second % 60:02}.{rest:03}"
    if pattern == STRPTIME:
        return f"{date} {clock}"
    form = draw(st.sampled_from(["{}T{}Z", "{} {}", "{}T{}999+00:00", "{}t{}-00", "{}T{}+0130"]))
    return form.format(date, clock)
