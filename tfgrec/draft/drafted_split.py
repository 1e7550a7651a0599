"""Ranges of a log's own times for training and validation."""

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.draft.roles import Roles
from tfgrec.draft.table_looks import whole_column
from tfgrec.errors import InputDataError
from tfgrec.graph.rows.cells import read_numbers
from tfgrec.graph.rows.times import read_times

# Of the rows in the order of their times: before the first, they are in the graph alone; from the second on, they
# validate.
_FIRST, _CUT = 0.1, 0.85
_DAY = 86_400_000

Bound = int | float | str


@dataclasses.dataclass(frozen=True)
class DraftedSplit:
    """Ranges of the time column, as a configuration writes them, and what they are in words."""

    column: str
    train: tuple[Bound, Bound]
    validation: tuple[Bound, Bound]
    told: str


def draft_split(data: Path, roles: Roles) -> DraftedSplit:
    """Trains on what happened between a tenth and 85% of the log's rows, and validates on what came after.

    Raises:
      InputDataError: the times do not differ enough.
    """
    time = roles.time.column
    cells = whole_column(data, roles.log, time.column)
    times = read_times(cells, time).values.drop_null()
    first, cut, last = (
        int(pc.quantile(times, q=share, interpolation="lower")[0].as_py()) for share in (_FIRST, _CUT, 1)
    )
    told = f"{_moment(first)} to {_moment(cut)}, and from there to {_moment(last)} (UTC)"
    if time.unit is not None:
        numbers = read_numbers(cells).values.drop_null()
        first, cut, last = (
            pc.quantile(numbers, q=share, interpolation="lower")[0].as_py() for share in (_FIRST, _CUT, 1)
        )
        after = cut + 1 if pa.types.is_integer(numbers.type) else float(np.nextafter(cut, np.inf))
        _refuse(roles, first < cut and after <= last)
        return DraftedSplit(time.column, (first, cut), (after, last), told)
    # Text and typed times are compared by whole days.
    earliest, day = pc.min(times).as_py() // _DAY, cut // _DAY
    from_ = min(first // _DAY, day - 1)
    _refuse(roles, from_ >= earliest)
    return DraftedSplit(time.column, (_day(from_), _day(day - 1)), (_day(day), _day(last // _DAY)), told)


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
