"""Rows of files with their positions, well-formed and not."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from beam_jobs.tables.table_batches import read_part
from beam_jobs.tables.table_files import find_table
from tfgrec.config.tables import Table
from tfgrec.errors import InputDataError

CSV = b'\xef\xbb\xbfid,name,unused\n1,"a\nb",x\n2,caf\xe9,x\n3,short\n4,long,x,y\n\n5,,x\n6,z,x\n'


def read(path: Path, rows_per_batch: int) -> tuple[list[tuple], list[tuple]]:
    table = find_table("t", Table(path=path.name), str(path.parent), ["name", "id"])
    rows, malformed = [], []
    for part in table.parts:
        for batch in read_part(part, table.columns, rows_per_batch):
            assert batch.columns.num_rows == len(batch.rows) <= rows_per_batch
            columns = [column.to_pylist() for column in batch.columns.columns]
            rows += zip(batch.rows.tolist(), *columns, strict=True)
            malformed += [(row.row, row.text, row.reason) for row in batch.malformed]
    return rows, sorted(malformed)


@pytest.mark.parametrize("rows_per_batch", [1, 2, 100])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_malformed_rows_keep_their_places_and_so_do_the_others(name: str, rows_per_batch: int, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(CSV) if name.endswith("gz") else CSV)
    rows, malformed = read(tmp_path / name, rows_per_batch)
    assert rows == [(1, "a\nb", "1"), (5, None, "5"), (6, "z", "6")]
    assert malformed == [
        (2, "caf\N{REPLACEMENT CHARACTER},2", "is not UTF-8 text"),
        (3, "3,short", "has 2 cells where the header has 3"),
        (4, "4,long,x,y", "has 4 cells where the header has 3"),
    ]


def test_positions_in_a_long_csv_are_right(tmp_path: Path) -> None:
    """Every seventh row is malformed, over several of Arrow's blocks."""
    lines = [f"{row}" if row % 7 == 0 else f"{row},{'x' * 400}" for row in range(1, 50_001)]
    (tmp_path / "t.csv").write_text("\n".join(["id,name", *lines]))
    rows, malformed = read(tmp_path / "t.csv", 1_000)
    assert all(row == int(number) for row, _, number in rows)
    assert [row for row, _, _ in malformed] == list(range(7, 50_001, 7))
    assert len(rows) + len(malformed) == 50_000


def test_a_malformed_row_in_another_encoding_is_a_bad_row_too(tmp_path: Path) -> None:
    """Nothing is printed about it: Arrow's handler would print a traceback for each."""
    rows = [b"1,a", b"2\xe9", b"3,c", b"4,\xff,", b"5,\xe9", "6,\u00fc".encode()]
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfid,name\r\n" + b"\r\n".join(rows))
    table = find_table("t", Table(path="t.csv"), str(tmp_path), ["id", "name"])
    (batch,) = read_part(table.parts[0], table.columns, 10)
    assert batch.columns.to_pydict() == {"id": ["1", "3", "6"], "name": ["a", "c", "\u00fc"]}
    assert batch.rows.tolist() == [1, 3, 6]
    assert sorted((row.row, row.text, row.reason) for row in batch.malformed) == [
        (2, "2\ufffd", "has 1 cells where the header has 2"),
        (4, "4,\ufffd,", "has 3 cells where the header has 2"),
        (5, "5,\ufffd", "is not UTF-8 text"),
    ]


def test_row_groups_of_parquet_count_on(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(10), "name": [f"n{i}" for i in range(10)]})
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=4)
    rows, malformed = read(tmp_path / "t.parquet", 3)
    assert rows == [(i + 1, f"n{i}", i) for i in range(10)]
    assert malformed == []


def test_columns_that_a_header_has_twice(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,id,name\n1,2,3\n")
    with pytest.raises(InputDataError, match="has more than one column 'id'"):
        read(tmp_path / "t.csv", 10)


def test_files_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_text("")
    with pytest.raises(InputDataError, match="t.xlsx: expected a file that ends in .csv"):
        read(tmp_path / "t.xlsx", 10)
