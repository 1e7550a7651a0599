"""Values of a configuration against columns of any type."""

import datetime

import pyarrow as pa
import pytest

from beam_jobs.tables.comparisons import between, equals_any
from beam_jobs.tables.row_checks import RowChecks
from beam_jobs.tables.splits import NO_SPLIT, splits_of_rows
from tfgrec.config.sampling import SplitConfig
from tfgrec.errors import ConfigurationError

DAYS = [datetime.datetime(2022, 4, 24, 23), datetime.datetime(2022, 4, 25, 1), datetime.datetime(2022, 4, 26), None]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (pa.array([1, 0, None]), [1], [True, False, False]),
        (pa.array([1, 0, None]), ["1"], [True, False, False]),
        (pa.array([1.0, 0.5]), [1], [True, False]),
        (pa.array([True, False]), [1], [True, False]),
        (pa.array(["1", "1.0", "0", None]), [1], [True, True, False, False]),
        (pa.array(["1", "1.0", "b"]), ["1", "b"], [True, False, True]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a"], [True, False]),
        (pa.array(DAYS), ["2022-04-25"], [False, True, False, False]),
    ],
)
def test_equals_any(column: pa.Array, values: list, expected: list[bool]) -> None:
    assert equals_any(column, values)[0].tolist() == expected


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


def test_cells_that_can_not_be_compared_are_told() -> None:
    _, cells = equals_any(pa.array(["1", "x", None]), [1])
    assert cells.unreadable.tolist() == [False, True, False]


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
