"""Parquet's many types as the few that cells are read from."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs.tables.table_batches import read_part
from beam_jobs.tables.table_files import find_table
from tfgrec.config.tables import Table
from tfgrec.errors import InputDataError
from tfgrec.graph.rows.plain_columns import plain_columns


def plain(array: pa.Array) -> tuple[pa.Array, list[bool]]:
    batch, broken = plain_columns(pa.RecordBatch.from_arrays([array], names=["x"]))
    return batch.column(0), broken.tolist()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array(["a", "b", None, "a"]).dictionary_encode(), ["a", "b", None, "a"]),
        (pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)), [[1, 2], [], [3, 4]]),
        (pa.array([["x", None], None], pa.list_(pa.string(), 2)), [["x", None], []]),
        (pa.array([[1], [], None], pa.large_list(pa.int64())), [[1], [], []]),
        (pa.array([b"\xc3\xbc", None]), ["ü", None]),
        (pa.array([b"ab", b"cd"], pa.binary(2)), ["ab", "cd"]),
        (pa.array([[b"a"], [b"b", b"c"]], pa.list_(pa.large_binary())), [["a"], ["b", "c"]]),
        (pa.array([b"k", b"k"]).dictionary_encode(), ["k", "k"]),
        (pa.array([datetime.date(2024, 1, 1)]), [datetime.date(2024, 1, 1)]),
    ],
)
def test_values_stay_the_same(array: pa.Array, expected: list) -> None:
    assert plain(array)[0].to_pylist() == expected
    first, rest = plain(array.slice(1))[0].to_pylist(), expected[1:]
    assert first == rest


def test_rows_whose_bytes_are_no_text_are_broken() -> None:
    assert plain(pa.array([b"a", b"\xff", None]))[1] == [False, True, False]
    assert plain(pa.array([[b"a", b"\xff"], [], [b"b"]]))[1] == [True, False, False]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([{"a": 1}]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([[{"a": 1}]]),
        pa.array([[[1]]]),
    ],
)
def test_columns_of_parts_are_told_with_table_and_file(array: pa.Array, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1], "x": array}), tmp_path / "t.parquet")
    table = find_table("items", Table(path="t.parquet"), str(tmp_path), ["id", "x"])
    with pytest.raises(
        InputDataError, match=rf"table 'items': {tmp_path}/t.parquet: column 'x': is of type .*expected"
    ):
        list(read_part(table.parts[0], table.columns, 10))


def test_broken_text_of_parquet_keeps_its_place(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [b"a", b"\xff", b"c"]}), tmp_path / "t.parquet")
    table = find_table("t", Table(path="t.parquet"), str(tmp_path), ["x"])
    (batch,) = read_part(table.parts[0], table.columns, 10)
    assert batch.rows.tolist() == [1, 3] and batch.columns.to_pydict() == {"x": ["a", "c"]}
    assert [(row.row, row.reason) for row in batch.malformed] == [(2, "is not UTF-8 text")]
