"""Cells of any column, read as the schema's types."""

import datetime
import decimal
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.errors import InputDataError
from tfgrec.graph.rows.cells import read_cells, read_numbers

TEXTS = st.one_of(
    st.sampled_from(["", " ", "nan", "NaN", "inf", "-inf", "true", "False"]),
    st.sampled_from(["3.0", "-3.00", "3.", ".5", "1e3", "+1", "0x1F"]),
    st.integers(-(2**65), 2**65).map(str),
    st.floats(allow_nan=False, width=32).map(str),
    st.text(max_size=4),
)


def read(values: list, dtype: str, kind: pa.DataType | None = None) -> tuple[list, list[bool], list[bool]]:
    cells = read_cells(pa.array(values, kind), dtype)
    return cells.values.to_pylist(), cells.empty.tolist(), cells.unreadable.tolist()


def test_text_with_a_nul_is_none() -> None:
    """Pandas would take all but the last of these for one id."""
    texts = ["a", "a\0b", "a\0c", "\0", "", "b"]
    for kind in (pa.string(), pa.large_string()):
        cells = read_cells(pa.array(texts, kind), "string")
        assert cells.values.to_pylist() == ["a", None, None, None, None, "b"]
        assert cells.unreadable.tolist() == [False, True, True, True, False, False]
        assert [complaint for _, complaint in cells.complaints()][0].startswith("holds a NUL character")


class TestText:
    def test_whole_numbers(self) -> None:
        values, empty, unreadable = read(["12", " -3 ", "3.0", "true", "", None, "nan", "3.5", "x", "1e3"], "int64")
        assert values == [12, -3, 3, 1, None, None, None, None, None, None]
        assert empty == [False] * 4 + [True] * 3 + [False] * 3
        assert unreadable == [False] * 7 + [True] * 3

    def test_whole_numbers_beyond_float_precision_stay_exact(self) -> None:
        """A bad cell beside them must not send an id through a float."""
        values, _, unreadable = read([str(2**63 - 1), str(2**53 + 1), str(-(2**63)), str(2**63), "x"], "int64")
        assert values == [2**63 - 1, 2**53 + 1, -(2**63), None, None]
        assert unreadable == [False, False, False, True, True]

    def test_numbers(self) -> None:
        values, empty, unreadable = read(["1.5", ".5", "1e3", "False", "", "NaN", "inf", "1e39", "x"], "float32")
        assert values == [1.5, 0.5, 1000.0, 0.0, None, None, None, None, None]
        assert empty == [False] * 4 + [True] * 2 + [False] * 3
        assert unreadable == [False] * 6 + [True] * 3

    def test_text_stays_as_it_is(self) -> None:
        values, empty, unreadable = read(["a", " b ", "nan", "", None], "string")
        assert values == ["a", " b ", "nan", None, None]
        assert empty == [False, False, False, True, True]
        assert not any(unreadable)

    @given(texts=st.lists(TEXTS, min_size=1, max_size=6), dtype=st.sampled_from(["int64", "float32", "string"]))
    def test_a_cell_is_read_alike_in_any_batch(self, texts: list[str], dtype: str) -> None:
        together = list(zip(*read(texts, dtype, pa.string()), strict=True))
        alone = [tuple(part[0] for part in read([text], dtype, pa.string())) for text in texts]
        assert together == alone

    @given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1)))
    def test_what_is_written_is_read(self, numbers: list[int]) -> None:
        assert read([*map(str, numbers), "x"], "int64")[0][:-1] == numbers


class TestTyped:
    def test_floats_that_are_whole_are_integers(self) -> None:
        values, empty, unreadable = read([1.0, -2.0, 2.5, math.nan, None, math.inf, 1e300], "int64")
        assert values == [1, -2, None, None, None, None, None]
        assert empty == [False, False, False, True, True, False, False]
        assert unreadable == [False, False, True, False, False, True, True]

    def test_floats_become_text_without_a_fraction_of_zeros(self) -> None:
        """pandas turns whole numbers beside an empty cell into floats: 39.0 is the tag "39"."""
        assert read([39.0, 2.5, None], "string")[0] == ["39", "2.5", None]

    @pytest.mark.parametrize(
        ("array", "dtype", "expected"),
        [
            (pa.array([True, None]), "int64", [1, None]),
            (pa.array([2**64 - 1, 5], pa.uint64()), "int64", [None, 5]),
            (pa.array([7], pa.int8()), "float32", [7.0]),
            (pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.00")]), "int64", [None, 2]),
            (pa.array(["a", "b", "a"]).dictionary_encode(), "string", ["a", "b", "a"]),
            (pa.array(["1", "2"], pa.large_string()), "int64", [1, 2]),
            (pa.array([None, None]), "float32", [None, None]),
            (pa.array([4, None]), "string", ["4", None]),
        ],
    )
    def test_types_of_parquet(self, array: pa.Array, dtype: str, expected: list) -> None:
        assert read_cells(array, dtype).values.to_pylist() == expected

    def test_decimals_are_exact(self) -> None:
        numbers = [
            decimal.Decimal(text) for text in ("9007199254740993.00", "-9007199254740993", "12345678901234567.50")
        ]
        array = pa.array([*numbers, None], pa.decimal128(20, 2))
        assert read_cells(array, "int64").values.to_pylist() == [2**53 + 1, -(2**53) - 1, None, None]
        assert read_cells(array, "string").values.to_pylist() == [
            "9007199254740993",
            "-9007199254740993",
            "12345678901234567.5",
            None,
        ]

    @pytest.mark.parametrize("array", [pa.array([[1]]), pa.array([datetime.date(2022, 4, 25)])])
    def test_columns_that_hold_no_numbers(self, array: pa.Array) -> None:
        with pytest.raises(InputDataError, match="expected numbers or text, received a column of"):
            read_cells(array, "int64")


class TestIds:
    """No two ids become one without a word."""

    @pytest.mark.parametrize("dtype", ["int64", "string"])
    @pytest.mark.parametrize(("kind", "bits"), [(pa.float64(), 53), (pa.float32(), 24)])
    def test_floats_that_stand_for_several_whole_numbers(self, dtype: str, kind: pa.DataType, bits: int) -> None:
        values = np.array([2**bits - 1, 2**bits, -(2**bits), np.inf, np.nan, 7], kind.to_pandas_dtype())
        cells = read_cells(pa.array(values), dtype, ids=True)
        largest, seven = (str(2**bits - 1), "7") if dtype == "string" else (2**bits - 1, 7)
        assert cells.values.to_pylist() == [largest, None, None, None, None, seven]
        assert cells.empty.tolist() == [False] * 4 + [True, False]
        assert cells.unreadable.tolist() == [False, True, True, True, False, False]
        assert f"{bits}" in cells.causes[0][1] and cells.causes[0][0].tolist()[1:3] == [True, True]

    def test_text_that_was_rounded(self) -> None:
        cells = read_cells(pa.array(["9.00719925474099E+15", "1e5", "12", None]), "string", ids=True)
        assert cells.values.to_pylist() == [None, "1e5", "12", None]
        assert "rounded" in cells.causes[0][1]

    @pytest.mark.parametrize(
        "array",
        [
            pa.array(["92233720368547758081", "2", "x", "000000000000000000000003", "9" * 5_000]),
            pa.array([2**63, 2], pa.uint64()),
            pa.array([1e19, 2.0, 2.5]),
            pa.array([decimal.Decimal(10**20), decimal.Decimal(2)]),
        ],
    )
    def test_whole_numbers_beyond_64_bits_are_told_apart_from_text(self, array: pa.Array) -> None:
        cells = read_cells(array, "int64")
        reasons = dict(reversed([(int(row), why) for rows, why in cells.complaints() for row in np.flatnonzero(rows)]))
        assert "does not fit 64 bits" in reasons[0] and "DT_STRING" in reasons[0]
        assert 1 not in reasons
        assert 3 not in reasons
        assert reasons.get(2, "is not a whole number") == "is not a whole number"

    @given(ids=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True))
    def test_an_id_is_one_id_however_a_file_types_it(self, ids: list[int]) -> None:
        columns = [pa.array(ids), pa.array(list(map(str, ids))), pa.array(list(map(decimal.Decimal, ids)))]
        columns += [column.dictionary_encode() for column in columns[:2]]
        for dtype, expected in (("int64", ids), ("string", list(map(str, ids)))):
            for column in columns:
                assert read_cells(column, dtype, ids=True).values.to_pylist() == expected
        small = [number for number in ids if abs(number) < 2**53]
        if small:
            assert read_cells(pa.array(list(map(float, small))), "int64", ids=True).values.to_pylist() == small


def test_read_numbers_chooses_the_type_by_the_readable_cells() -> None:
    whole = read_numbers(pa.array(["1", "x", str(2**60 + 1)]))
    assert whole.values.to_pylist() == [1, None, 2**60 + 1]
    assert whole.complaint == "is not a number"
    mixed = read_numbers(pa.array(["1", "x", "2.5"]))
    assert mixed.values.to_pylist() == [1.0, None, 2.5]
    np.testing.assert_array_equal(mixed.unreadable, [False, True, False])


@pytest.mark.parametrize("dtype", ["string", "int64", "float32"])
def test_a_slice_is_read_like_an_array_of_its_own(dtype: str) -> None:
    """pyarrow 18's if_else reads beyond the end of sliced text where it is given a null scalar."""
    texts = ["7", "", "12x", "345", "nan", "6"] * 20
    part = pa.array(["99", "1", *texts, "88888"]).slice(2, len(texts))
    values = read_cells(part, dtype).values
    values.validate(full=True)
    assert values.equals(read_cells(pa.array(texts), dtype).values)
