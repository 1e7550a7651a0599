"""Values of a configuration against columns of any type."""

import datetime

import pyarrow as pa
import pytest
from pydantic import ValidationError

from beam_jobs.tables.splits import NO_SPLIT, splits_of_rows
from tfgrec.config.sampling import SplitConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.rows.comparisons import between, equals_any
from tfgrec.graph.rows.row_checks import RowChecks

DAYS = [datetime.datetime(2022, 4, 24, 23), datetime.datetime(2022, 4, 25, 1), datetime.datetime(2022, 4, 26), None]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (pa.array([1, 0, None]), [1], [True, False, False]),
        (pa.array([1, 0, None]), ["1"], [True, False, False]),
        (pa.array([1.0, 0.5]), [1], [True, False]),
        (pa.array([True, False]), [1], [True, False]),
        (pa.array(["1", "1.0", "0", None]), [1], [True, True, False, False]),
        (pa.array(["1", "1.0", "b", "01", "true", "True"]), ["1", "b"], [True, True, True, False, True, True]),
        (pa.array(["7", "007", "7.0"]), ["007"], [False, True, False]),
        (pa.array(["7", "007", "7.0"]), ["7"], [True, False, True]),
        (pa.array(["yes", "True", "false", None]), [True], [False, True, False, False]),
        (pa.array(["yes", "no"]), ["yes"], [True, False]),
        (pa.array([0.1, 0.2], pa.float32()), [0.1], [True, False]),
        (pa.array(["9007199254740993", "9007199254740992", "x"]), [2**53 + 1], [True, False, False]),
        (pa.array([2**53 + 1, 2**53]), ["9007199254740993"], [True, False]),
        (pa.array(["2022-04-25", "2022-04-25 10:00:00", "2022-04-26"]), ["2022-04-25"], [True, True, False]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a"], [True, False]),
        (pa.array(DAYS), ["2022-04-25"], [False, True, False, False]),
    ],
)
def test_equals_any(column: pa.Array, values: list, expected: list[bool]) -> None:
    assert equals_any(column, values)[0].tolist() == expected


@pytest.mark.parametrize(
    "column", [pa.array([1, 5]), pa.array(["1", "5"]), pa.array([1.0, 5.5]), pa.array(["1", "5.5"])]
)
def test_bounds_may_be_longer_than_the_numbers_of_a_column(column: pa.Array) -> None:
    """2^53 + 1 is no double, and 2^70 no integer of 64 bits."""
    for last in (2**53 + 1, 2**70, float("inf"), 1e300):
        assert between(column, 2, last)[0].tolist() == [False, True]
        assert between(column, -last, 2)[0].tolist() == [True, False]
        assert not between(column, last, last)[0].any()
    with pytest.raises(ConfigurationError, match="ends before it begins"):
        between(column, float("nan"), 3)


def test_a_fraction_beside_them_leaves_long_numbers_as_they_are() -> None:
    column = pa.array([str(2**53), str(2**53 + 1), "0.5"])
    for bounds in ((2**53 + 1, 2**60), (str(2**53 + 1), str(2**60))):
        assert between(column, *bounds)[0].tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("column", "bounds", "expected"),
    [
        (pa.array([1, 2, 3, None]), (2, 3), [False, True, True, False]),
        (pa.array([1, 2, 30]), ("2", "30"), [False, True, True]),
        (pa.array(["2", "10", "3"]), (2, 9), [True, False, True]),
        (pa.array(["2022-04-24", "2022-04-25"]), ("2022-04-25", "2022-04-26"), [False, True]),
        (pa.array(DAYS), ("2022-04-24", "2022-04-25"), [True, True, False, False]),
        (pa.array(DAYS), ("2022-04-25 00:00", "2022-04-25 02:00"), [False, True, False, False]),
        (pa.array([day and day.date() for day in DAYS]), ("2022-04-25", "2022-04-26"), [False, True, True, False]),
    ],
)
def test_between_includes_both_ends(column: pa.Array, bounds: tuple, expected: list[bool]) -> None:
    assert between(column, *bounds)[0].tolist() == expected


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        (pa.array([1.0, 0.0, None, 2.5]), ["1", "2.5"]),
        (pa.array([1.0, 0.0, None, 2.5]), [1, 2.5]),
        (pa.array([1, 0, None]), ["1.0"]),
        (pa.array([True, False, None]), ["1"]),
        (pa.array([True, False, None]), ["true"]),
        (pa.array([True, False, None]), [True]),
        (pa.array([2**63 - 1, 2**63 - 2]), [2**63 - 1]),
        (pa.array(["yes", "no", "007", None]), ["yes", "007"]),
        (pa.array([datetime.date(2022, 4, 25), datetime.date(2022, 4, 26)]), ["2022-04-25"]),
        (pa.array(DAYS), ["2022-04-25"]),
    ],
)
def test_csv_compares_like_parquet(typed: pa.Array, values: list) -> None:
    """As pandas writes the same column into a CSV file."""
    written = pa.array([None if cell is None else str(cell) for cell in typed.to_pylist()], pa.string())
    assert equals_any(written, values)[0].tolist() == equals_any(typed, values)[0].tolist()


@pytest.mark.parametrize(
    ("column", "bounds", "expected", "unreadable"),
    [
        # Whole days, whatever the cells say besides.
        (["2024-01-31 10:00:00", "2024-01-01", "2024-02-01"], ("2024-01-01", "2024-01-31"), [1, 1, 0], []),
        (["2024-1-5", "05.01.2024", "2024-01-05", "unknown"], ("2024-01-01", "2024-01-31"), [0, 0, 1, 0], [0, 1, 3]),
        (["2", "10", "30"], ("1", "9"), [1, 0, 0], []),
        (["2024/01/05", "2024/02/01", "2024/1/5"], ("2024/01/01", "2024/01/31"), [1, 0, 0], [2]),
        (["week_03", "week_12", "week_7"], ("week_01", "week_09"), [1, 0, 0], [2]),
        # Text with a NUL can't be read, however it is compared.
        (["week_03", "a\0b", "week_03\0"], ("week_01", "week_09"), [1, 0, 0], [1, 2]),
        (["2024-01-05", "2024-01-05\0"], ("2024-01-01", "2024-01-31"), [1, 0], [1]),
        (["train", "train\0"], ("train", "train"), [1, 0], [1]),
        (["2", "2\0"], ("1", "9"), [1, 0], [1]),
        (["train", "test", None], ("train", "train"), [1, 0, 0], []),
        (["03.01.2024", "02.01.2024"], ("03.01.2024", "03.01.2024"), [1, 0], []),
    ],
)
def test_ranges_of_text(column: list, bounds: tuple, expected: list[int], unreadable: list[int]) -> None:
    inside, cells = between(pa.array(column), *bounds)
    assert inside.tolist() == [bool(of) for of in expected]
    assert [row for row, wrong in enumerate(cells.unreadable) if wrong] == unreadable


@pytest.mark.parametrize(
    "bounds",
    [
        ("01.01.2024", "02.01.2024"),
        ("01/31/2024", "02/15/2024"),
        ("1-1-24", "2-1-24"),
        ("2024-1-1", "2024-1-9"),
        ("2024-1-1", "2024-12-31"),
        ("05 Jan 2024", "09 Jan 2024"),
        ("Jan", "Mar"),
        ("Monday", "Thursday"),
        ("week_1", "week_10"),
        ("2024-Jan-01", "2024-Jan-31"),
        ("a1b2", "a2b1"),
    ],
)
def test_texts_that_do_not_order_are_refused(bounds: tuple) -> None:
    with pytest.raises(ValidationError, match="do not order as text.*2024-01-31"):
        SplitConfig(column="day", train=bounds, validation=("x", "x"))
    with pytest.raises(ConfigurationError, match="does not order"):
        between(pa.array(["a"]), *bounds)


def test_a_last_date_is_a_whole_day_beside_a_first_time() -> None:
    assert between(pa.array(DAYS), "2022-04-24 23:30", "2022-04-25")[0].tolist() == [False, True, False, False]
    with pytest.raises(ConfigurationError, match="'01.02.2022' is compared with a column of times"):
        equals_any(pa.array(DAYS), ["01.02.2022"])


def test_cells_that_can_not_be_compared_are_told() -> None:
    _, cells = equals_any(pa.array(["1", "x", None]), [1])
    assert cells.unreadable.tolist() == [False, True, False]
    _, cells = equals_any(pa.array(["yes", "no", None]), [True])
    assert cells.unreadable.tolist() == [True, True, False] and "YAML reads yes" in cells.complaint
    _, cells = between(pa.array(["yes", "no"]), False, True)
    assert cells.unreadable.all() and "YAML reads yes" in cells.complaint


@pytest.mark.parametrize(
    ("column", "bounds", "message"),
    [
        (pa.array([1]), ("a", 2), "'a' is compared with a column of numbers"),
        (pa.array(DAYS), (20220425, 20220426), "20220425 is compared with a column of times"),
        (pa.array([1]), (3, 2), r"the range \[3, 2\] ends before it begins"),
    ],
)
def test_values_of_another_type(column: pa.Array, bounds: tuple, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        between(column, *bounds)


class TestSplits:
    def split(self, values: list, **ranges: tuple | None) -> tuple[list[int], list[str]]:
        checks = RowChecks(len(values))
        batch = pa.RecordBatch.from_arrays([pa.array(values)], names=["day"])
        found = splits_of_rows(batch, SplitConfig(column="day", **ranges), checks.selection())
        return found.tolist(), checks.bad_rows()[1]

    def test_rows_train_or_validate_or_neither(self) -> None:
        found, reasons = self.split([1, 2, 3, 4, None], train=(1, 2), validation=(4, 4))
        assert found == [0, 0, NO_SPLIT, 1, NO_SPLIT]
        assert reasons == ["day: is empty"]

    def test_without_training_rows(self) -> None:
        assert self.split([1, 2], train=None, validation=(2, 3))[0] == [NO_SPLIT, 1]

    def test_overlapping_ranges(self) -> None:
        with pytest.raises(ConfigurationError, match="split.validation overlaps split.train: 'day' 2 is in both"):
            self.split([1, 2, 3], train=(1, 2), validation=(2, 3))
