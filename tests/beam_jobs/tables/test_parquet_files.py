"""Parquet files as other versions of Arrow write them."""

import base64
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs.tables.table_batches import read_part
from beam_jobs.tables.table_files import find_table
from tfgrec.config.tables import Table


def write_fixed_lists(path: Path, kind: pa.DataType, values: list) -> None:
    """Lists of fixed size with rows that are null: this version of Arrow may not be able to write them, newer ones are.

    They are lists in the file, and of fixed size by what Arrow has put into the footer.
    """
    fixed = pa.schema([("id", pa.uint64()), ("tags", kind)])
    lists = pa.list_(kind.value_type)
    schema = pa.schema(
        [("id", pa.uint64()), ("tags", lists)], {"ARROW_schema": base64.b64encode(fixed.serialize().to_pybytes())}
    )
    sink = io.BytesIO()
    ids = pa.array([2**64 - 1, *range(1, len(values))], pa.uint64())
    pq.write_table(pa.table([ids, pa.array(values, lists)], schema=schema), sink, row_group_size=3)
    content = sink.getvalue().replace(b"ARROW:schema", b"ARROW-schema").replace(b"ARROW_schema", b"ARROW:schema")
    path.write_bytes(content)
    assert pq.ParquetFile(path).schema_arrow.field("tags").type == kind


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.list_(pa.string(), 2), [["a", "b"], None, ["c", None], None]),
        (pa.list_(pa.string(), 2), [None, None]),
        (pa.list_(pa.float64(), 1), [[0.5], [1.5], None, [None], [2.5]]),
        (pa.list_(pa.int64(), 3), [[1, 2, 3], [4, 5, 6]]),
    ],
)
@pytest.mark.parametrize("rows_per_batch", [1, 2, 100])
def test_lists_of_fixed_size_may_be_null(kind: pa.DataType, values: list, rows_per_batch: int, tmp_path: Path) -> None:
    write_fixed_lists(tmp_path / "items.parquet", kind, values)
    table = find_table("items", Table(path="items.parquet"), str(tmp_path), ["tags", "id"])
    batches = [batch for part in table.parts for batch in read_part(part, table.columns, rows_per_batch)]
    found = [row for batch in batches for row in batch.columns.to_pylist()]
    assert [row["tags"] or [] for row in found] == [value or [] for value in values]
    assert [row["id"] for row in found] == [2**64 - 1, *range(1, len(values))]
    assert [row for batch in batches for row in batch.rows] == [*range(1, len(values) + 1)]
