"""Times in all their writings."""

import datetime
import itertools

import pyarrow as pa
import pytest

from tfgrec.config.tables import TimeColumn
from tfgrec.graph.rows.times import read_times

MOMENT = 1_650_812_741_436


def read(values: list, kind: pa.DataType | None = None, **time: str) -> list[int | None]:
    return read_times(pa.array(values, kind), TimeColumn(column="at", **time)).values.to_pylist()


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (MOMENT, "milliseconds"),
        (MOMENT * 1_000 + 999, "microseconds"),
        (MOMENT * 1_000_000 + 999_999, "nanoseconds"),
        (MOMENT / 1_000, "seconds"),
        (f"{MOMENT / 1_000}", "seconds"),
        (str(MOMENT * 1_000_000 + 999_999), "nanoseconds"),
    ],
)
def test_units(value: object, unit: str) -> None:
    assert read([value], unit=unit) == [MOMENT]


@pytest.mark.parametrize(("unit", "per_millisecond"), [("microseconds", 1_000), ("nanoseconds", 1_000_000)])
def test_a_fraction_beside_them_leaves_whole_times_as_they_are(unit: str, per_millisecond: int) -> None:
    moments = [MOMENT + number for number in range(200)]
    texts = [str(moment * per_millisecond) for moment in moments]
    assert read(texts, unit=unit) == moments
    assert read([*texts, f"{texts[0]}.5"], unit=unit) == [*moments, MOMENT]


def test_fractions_of_microseconds_are_rounded_down() -> None:
    moments = [MOMENT + number for number in range(200)]
    assert read([f"{moment * 1_000}.5" for moment in moments], unit="microseconds") == moments


UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}


@pytest.mark.parametrize(("written", "read_as"), itertools.permutations(UNITS, 2))
def test_a_wrong_unit_never_gives_a_time(written: str, read_as: str) -> None:
    """Neither a future that no request sees nor a past that all requests see."""
    assert read([MOMENT // 1_000 * UNITS[written]], unit=read_as) == [None]


def test_without_unit_and_format_only_times_are_times() -> None:
    moment = datetime.datetime.fromtimestamp(MOMENT / 1_000, datetime.timezone.utc)
    assert read([moment, None], pa.timestamp("us")) == [MOMENT, None]
    cells = read_times(pa.array([MOMENT, None]), TimeColumn(column="at"))
    assert cells.unreadable.tolist() == [True, False] and cells.empty.tolist() == [False, True]
    assert "of Parquet's own kind (others need unit or format)" in cells.complaint


@pytest.mark.parametrize("kind", [pa.timestamp("ms"), pa.timestamp("ns", "Asia/Shanghai"), pa.timestamp("us")])
def test_arrow_timestamps_need_no_unit(kind: pa.DataType) -> None:
    moment = datetime.datetime.fromtimestamp(MOMENT / 1_000, datetime.timezone.utc)
    assert read([moment, None], kind, unit="seconds") == [MOMENT, None]


def test_dates_and_whole_seconds() -> None:
    midnight = MOMENT // 86_400_000 * 86_400_000
    assert read([datetime.date(2022, 4, 24)], format="%Y%m%d") == [midnight]
    assert read([20220424], format="%Y%m%d") == [midnight]
    assert read([datetime.datetime(2022, 4, 24)], pa.timestamp("s"), unit="seconds") == [midnight]


def test_text_with_and_without_time_zone() -> None:
    assert read(["2022-04-24 15:05:41.436"], format="%Y-%m-%d %H:%M:%S.%f") == [MOMENT]
    texts = ["2022-04-24 23:05:41.436+0800", "2022-04-24 15:05:41.436+0000"]
    assert read(texts, format="%Y-%m-%d %H:%M:%S.%f%z") == [MOMENT, MOMENT]


@pytest.mark.parametrize(
    ("pattern", "whole", "parts"),
    [
        ("%Y-%m-%d", "2024-01-02", ["2024", "2024-01", "20240102", "2024-01-02 03:04", "2024-01-02T00:00:00Z"]),
        (
            "%Y-%m-%d %H:%M:%S.%f",
            "2024-01-02 03:04:05.125",
            ["2024-01-02", "2024-01-02 03:04", "2024-01-02T03:04:05.1"],
        ),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-01-02T03:04:05+0100", ["2024-01-02T03:04:05", "2024-01-02"]),
        ("%d.%m.%Y", "02.01.2024", ["02.01.24", "2.1.", "2024-01-02"]),
    ],
)
def test_text_has_all_that_its_format_says(pattern: str, whole: str, parts: list[str]) -> None:
    """Whatever else is in the batch; some versions of pandas take 2024 for its first of January."""
    (moment,) = read([whole], format=pattern)
    assert moment is not None
    assert read([*parts, whole, None], format=pattern) == [None] * len(parts) + [moment, None]
    assert [read([part], format=pattern) for part in parts] == [[None]] * len(parts)


def test_what_can_not_be_read() -> None:
    cells = read_times(pa.array([MOMENT, -1, MOMENT * 1_000, None]), TimeColumn(column="at", unit="milliseconds"))
    assert cells.unreadable.tolist() == [False, True, True, False]
    assert cells.empty.tolist() == [False, False, False, True]
    assert cells.complaint == "is not a time in milliseconds between 1971 and 2200"
    cells = read_times(pa.array(["2022-13-01", "", "soon", "2022-12-01"]), TimeColumn(column="at", format="%Y-%m-%d"))
    assert cells.unreadable.tolist() == [True, False, True, False]
    assert cells.empty.tolist() == [False, True, False, False]
