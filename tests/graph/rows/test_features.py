"""Columns as features, ids and labels: what is rejected, what `missing` stands for."""

import math

import pyarrow as pa
import pytest

from tfgrec.config.tables import Column
from tfgrec.errors import SchemaError
from tfgrec.graph.rows.features import read_feature, read_ids, read_label, read_lists
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.schema import Feature

BATCH = pa.RecordBatch.from_arrays(
    [
        pa.array(["12, 65", "", None, "a", "7,,8"]),
        pa.array([[1, None], [], None, [3], [4, 5]]),
        pa.array([1.0, None, 2.5, 3, 4]),
    ],
    names=["tags", "lists", "number"],
)


def test_text_is_split_and_trimmed_and_empty_values_are_none() -> None:
    selection = RowChecks(5).selection()
    tags = Column(column="tags", separator=",")
    assert read_lists(BATCH, tags, "string", selection).to_pylist() == [["12", "65"], [], [], ["a"], ["7", "8"]]
    assert selection.kept.all()


def test_one_bad_value_makes_the_row_bad() -> None:
    checks = RowChecks(5)
    selection = checks.selection()
    lists = read_lists(BATCH, Column(column="tags", separator=","), "int64", selection)
    assert selection.filter(lists).to_pylist() == [[12, 65], [], [], [7, 8]]
    positions, reasons = checks.bad_rows()
    assert (positions.tolist(), reasons) == ([3], ["tags: is not a whole number"])


def test_missing_stands_for_an_empty_list() -> None:
    column = Column(column="tags", separator=",", missing="none")
    lists = read_lists(BATCH, column, "string", RowChecks(5).selection())
    assert lists.to_pylist() == [["12", "65"], ["none"], ["none"], ["a"], ["7", "8"]]


def test_lists_of_parquet_and_single_values_are_lists() -> None:
    selection = RowChecks(5).selection()
    assert read_lists(BATCH, Column(column="lists"), "string", selection).to_pylist() == [
        ["1"],
        [],
        [],
        ["3"],
        ["4", "5"],
    ]
    sliced = BATCH.slice(3)
    assert read_lists(sliced, Column(column="lists"), "int64", RowChecks(2).selection()).to_pylist() == [[3], [4, 5]]
    assert read_lists(sliced, Column(column="number"), "int64", RowChecks(2).selection()).to_pylist() == [[3], [4]]


def test_ids_of_lists_know_their_rows() -> None:
    ids = read_ids(BATCH, Column(column="tags", separator=","), "string", RowChecks(5).selection())
    assert ids.values.to_pylist() == ["12", "65", "a", "7", "8"]
    assert ids.rows.tolist() == [0, 0, 3, 4, 4]


def test_scalar_features() -> None:
    checks = RowChecks(5)
    strict, lenient = checks.selection(), checks.selection()
    read_feature(BATCH, Column(column="number"), Feature("float32"), strict)
    with_missing = read_feature(BATCH, Column(column="number", missing=-1), Feature("int64"), lenient)
    assert strict.kept.tolist() == [True, False, True, True, True]
    assert lenient.filter(with_missing).to_pylist() == [1, -1, 3, 4]
    positions, reasons = checks.bad_rows()
    assert positions.tolist() == [1, 2]
    assert reasons == ["number: is empty", "number: is not a whole number"]


def test_an_empty_label_is_missing_and_not_bad() -> None:
    selection = RowChecks(5).selection()
    labels = read_label(BATCH, Column(column="number"), Feature("float32"), selection).to_pylist()
    assert math.isnan(labels[1]) and labels[2] == 2.5
    assert selection.kept.all()


def test_missing_must_fit_the_type() -> None:
    with pytest.raises(SchemaError, match="column 'number': missing: 'none' is not a whole number"):
        read_feature(BATCH, Column(column="number", missing="none"), Feature("int64"), RowChecks(5).selection())
