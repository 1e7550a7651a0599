"""Ranges of a log's own times for training, validation and test."""

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.draft.roles import Roles
from tfgrec.draft.table_looks import whole_column
from tfgrec.errors import InputDataError
from tfgrec.graph.rows.cells import read_numbers
from tfgrec.graph.rows.times import read_times

# Of the rows in the order of their times: before the first, they are in the graph alone; after the second they
# validate, after the third they test.
_SHARES = (0.1, 0.8, 0.9, 1.0)
_DAY = 86_400_000

Bound = int | float | str


@dataclasses.dataclass(frozen=True)
class DraftedSplit:
    """Ranges of the time column, as a configuration writes them, and what they are in words.

    `test` is None where the last rows can't be told from those before them.
    """

    column: str
    train: tuple[Bound, Bound]
    validation: tuple[Bound, Bound]
    test: tuple[Bound, Bound] | None
    told: str


def draft_split(data: Path, roles: Roles) -> DraftedSplit:
    """Trains on what lies between a tenth and 80% of the log's rows, validates on the next tenth, tests on the last.

    Raises:
      InputDataError: the times do not differ enough.
    """
    time = roles.time.column
    cells = whole_column(data, roles.log, time.column)
    times = read_times(cells, time).values.drop_null()
    moments = _quantiles(times)
    if time.unit is not None:
        numbers = read_numbers(cells).values.drop_null()
        first, cut, second_cut, last = _quantiles(numbers)
        after = _next(cut, numbers.type)
        _refuse(roles, first < cut and after <= last)
        validation, test = _parted(after, second_cut, _next(second_cut, numbers.type), last)
        return DraftedSplit(time.column, (first, cut), validation, test, _told(moments, test is not None))
    # Text and typed times are compared by whole days.
    earliest, (first, cut, second_cut, last) = pc.min(times).as_py() // _DAY, (moment // _DAY for moment in moments)
    first = min(first, cut - 1)
    _refuse(roles, first >= earliest)
    validation, test = _parted(cut, max(second_cut, cut + 1) - 1, max(second_cut, cut + 1), last)
    days = [None if of is None else (_day(of[0]), _day(of[1])) for of in ((first, cut - 1), validation, test)]
    return DraftedSplit(time.column, *days, _told(moments, test is not None))


def _quantiles(values: pa.Array) -> list[Any]:
    return [pc.quantile(values, q=share, interpolation="lower")[0].as_py() for share in _SHARES]


def _next(number: int | float, dtype: pa.DataType) -> int | float:
    return number + 1 if pa.types.is_integer(dtype) else float(np.nextafter(number, np.inf))


def _parted(after: Any, cut: Any, next_: Any, last: Any) -> tuple[tuple[Any, Any], tuple[Any, Any] | None]:
    """What comes from `after` on, in two parts where the times differ enough."""
    return ((after, cut), (next_, last)) if after <= cut and next_ <= last else ((after, last), None)


def _told(moments: list[int], has_test: bool) -> str:
    first, cut, second_cut, last = map(_moment, moments)
    if not has_test:
        return f"{first} to {cut}, and from there to {last} (UTC)"
    return f"{first} to {cut}, from there to {second_cut}, and from there to {last} (UTC)"


def _refuse(roles: Roles, possible: bool) -> None:
    if not possible:
        raise InputDataError(
            f"{roles.log.path}: column '{roles.time.column.column}' has too few different times to train on the "
            "earlier and validate on the later ones (times in text or of Parquet's own kind: two days at least)"
        )


def _moment(milliseconds: int) -> str:
    return datetime.datetime.fromtimestamp(milliseconds / 1_000, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")


def _day(days: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=int(days))).isoformat()
