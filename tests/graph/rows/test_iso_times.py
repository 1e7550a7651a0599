"""ISO 8601 against Python's datetime."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.config.tables import TimeColumn
from tfgrec.graph.rows.iso_times import NO_TIME, read_iso_times
from tfgrec.graph.rows.times import read_times

MOMENT = 1_650_812_741_436

zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))
moments = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2190, 1, 1), timezones=st.none() | zones)


def milliseconds(moment: datetime.datetime) -> int:
    """UTC where naive, rounded down."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


@settings(max_examples=50, deadline=None)
@given(st.lists(moments, min_size=1, max_size=8), st.sampled_from("T "))
def test_reads_what_python_writes(times: list[datetime.datetime], separator: str) -> None:
    found = read_iso_times(pa.array([time.isoformat(separator) for time in times]))
    assert found.tolist() == [milliseconds(time) for time in times]


@pytest.mark.parametrize(
    "text",
    [
        "2022-04-24T15:05:41.436Z",
        "2022-04-24 23:05:41,4369+08:00",
        "2022-04-24T10:05:41.436999999-0500",
        "2022-04-24t15:05:41.436 z",
    ],
)
def test_writings_of_one_moment(text: str) -> None:
    assert read_iso_times(pa.array([text])).tolist() == [MOMENT]


def test_dates_minutes_and_tenths() -> None:
    midnight = MOMENT // 86_400_000 * 86_400_000
    texts = ["2022-04-24", "2022-04-24T00:01", "2022-04-24T00:00:00.4", "2022-04-24T03:00+03"]
    assert (read_iso_times(pa.array(texts)) - midnight).tolist() == [0, 60_000, 400, 0]


@pytest.mark.parametrize(
    "text",
    [
        "2022-13-01",
        "2022-02-29",
        "2022-04-31",
        "2022-04-00",
        "2022-04-24T24:00",
        "2022-04-24T10:60",
        "2022-04-24T10:00:00+24:00",
        "2022-04-24T10",
        "24.04.2022",
        "20220424",
        "soon",
        "",
    ],
)
def test_what_is_no_such_time(text: str) -> None:
    assert read_iso_times(pa.array([text, "2020-02-29"])).tolist()[0] == NO_TIME


def test_as_the_time_of_a_table() -> None:
    cells = read_times(pa.array(["2022-04-24T15:05:41.436Z", "", "soon"]), TimeColumn(column="at", format="iso8601"))
    assert cells.values.to_pylist() == [MOMENT, None, None]
    assert cells.empty.tolist() == [False, True, False]
    assert cells.unreadable.tolist() == [False, False, True]
    assert np.asarray(read_times(pa.array([], pa.string()), TimeColumn(column="at", format="iso8601")).values).size == 0
