"""Labels that a task can't learn are named before any training, whatever their distribution."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import small_records
from hypothesis import given

from tfgrec.checks.label_check import check_labels
from tfgrec.config.model import ModelConfig
from tfgrec.config.tables import Requests
from tfgrec.errors import InputDataError
from tfgrec.graph.schema import READOUT, Feature
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys

REQUESTS = Requests.model_validate(
    {**small_records.TABLES["requests"], "labels": {"click": "is_click", "watch_ms": {"column": "ms"}}}
)
BINARY = {"tasks": {"click": {"label": "click"}}}
REGRESSION = {"tasks": {"watched": {"label": "watch_ms", "kind": "regression"}}}
NAN = float("nan")


def manifest(**labels: list[float]) -> dict[str, Any]:
    """What the sampling job tells of labels."""
    accumulator = StatisticsAccumulator({READOUT: {name: Feature("float32") for name in labels}})
    columns = {name: pa.array(values, pa.float32()) for name, values in labels.items()}
    count = len(next(iter(labels.values())))
    accumulator.add(READOUT, columns, row_keys(np.arange(count)))
    return {"statistics": accumulator.to_json(), "splits": {"train": {"num_candidates": count}}}


def check(model: dict[str, Any], **labels: list[float]) -> list[str]:
    return check_labels(ModelConfig.model_validate(model), REQUESTS, manifest(**labels))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1, 5, 5, 1, 1], "found 1 and 5"),
        ([-1, 1, 1, NAN, -1], "found -1 and 1"),
        ([0, 2, 2], "found 0 and 2"),
        ([5, 5, 5], "found 5 alone"),
        ([0.5, 0.5], "found 0.5 alone"),
        ([1, 2, 3, 4, 5], "found 1 to 5 and others between, 3 on average"),
        ([0, 0.25, 1, 1], "found 0 to 1 and others between, 0.5625 on average"),
        ([0] * 9_999 + [0.5], "found 0 and 0.5"),
        ([0] * 6_000 + [1] * 3_999 + [0.5], "found 0 to 1 and others between, 0.4 on average"),
    ],
)
def test_other_labels_than_0_and_1_are_named(values: list[float], told: str) -> None:
    expected = (
        f"model.tasks.click: label 'click' \\(column 'is_click'\\): a binary task learns labels 0 and 1, {told}; "
    )
    with pytest.raises(InputDataError, match=expected):
        check(BINARY, click=values)


@given(st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=1, max_size=300))
def test_0_and_1_pass_and_none_at_all_does_not(values: list[float]) -> None:
    labelled = [value for value in values if value == value]
    if not labelled:
        with pytest.raises(InputDataError, match=f"not one of {len(values)} training candidates has a label$"):
            check(BINARY, click=values)
        return
    constant = len(set(labelled)) == 1
    told = f"labels: task click: all {len(labelled)} training labels are {labelled[0]:g}: nothing to tell apart"
    assert check(BINARY, click=values) == ([told] if constant else [])


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=200))
def test_what_is_not_0_or_1_never_passes(values: list[float]) -> None:
    # Beside what rounding hides.
    other = any(min(abs(value), abs(value - 1)) > 1e-3 for value in values)
    if other:
        with pytest.raises(InputDataError, match="learns labels 0 and 1"):
            check(BINARY, click=values)


def test_millions_of_labels_round_to_nothing() -> None:
    values = (np.arange(3_000_000) % 7 == 0).astype(np.float32)
    assert check(BINARY, click=values) == []
    values[5] = 0.5
    with pytest.raises(InputDataError, match="found 0 to 1"):
        check(BINARY, click=values)


def test_a_regression_takes_any_numbers_and_needs_one() -> None:
    assert check(REGRESSION, watch_ms=[1, 5, 2.5]) == []
    told = r"model.tasks.watched: label 'watch_ms' \(column 'ms'\): not one of 2 training candidates has a label"
    with pytest.raises(InputDataError, match=told):
        check(REGRESSION, watch_ms=[NAN, NAN])
    (note,) = check(REGRESSION, watch_ms=[-3, 5, 7])
    values = "found -3 to 7 and others between, 3 on average"
    assert note == f"labels: task watched: {values}; with transform log what is below 0 counts as 0"


@pytest.mark.parametrize("values", [[NAN, NAN], [0, 0], [-1, 0]])
def test_weights_and_positives_have_to_be_there(values: list[float]) -> None:
    weighted = {"tasks": {"click": {"label": "click", "sample_weight": "watch_ms"}}}
    told = r"model.tasks.click.sample_weight: label 'watch_ms' \(column 'ms'\): a candidate counts by a weight above 0"
    with pytest.raises(InputDataError, match=told):
        check(weighted, click=[0, 1], watch_ms=values)
    found = {**REGRESSION, "retrieval": {"positive": "click"}}
    told = r"model.retrieval.positive: label 'click' \(column 'is_click'\): what is to be found has a label above 0"
    with pytest.raises(InputDataError, match=told):
        check(found, click=values, watch_ms=[1, 2])
    assert check(found, click=[0, 1], watch_ms=[1, 2]) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    model = {"tasks": {**BINARY["tasks"], **REGRESSION["tasks"]}}
    with pytest.raises(InputDataError) as error:
        check(model, click=[1, 5], watch_ms=[NAN, NAN])
    assert len(str(error.value).splitlines()) == 2


def test_records_without_statistics_of_a_label_pass() -> None:
    assert check(BINARY, watch_ms=[1.0]) == []
