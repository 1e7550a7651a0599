"""Counts of values: exact up to a bound, then within bounds; the same in whatever order and pieces rows came."""

import json
import pickle
from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.graph import categorical_statistics, count_min
from tfgrec.graph.categorical_statistics import CategoricalStatistics
from tfgrec.graph.statistics import row_keys

# Few values repeat often, many seldom.
VALUES = st.integers(0, 60).map(lambda value: value % (value // 7 + 1))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    set_sizes(monkeypatch.setattr)


def set_sizes(set_attribute: Callable[..., None]) -> None:
    """Bounds that a few dozen rows are beyond, and a sketch in which values share counters."""
    for name, size in {"EXACT_VALUES": 6, "MAX_VALUES": 4, "_WAITING": 8}.items():
        set_attribute(categorical_statistics, name, size)
    set_attribute(count_min, "WIDTH", 16)


def counted(values: list, keys: np.ndarray, kind: pa.DataType) -> CategoricalStatistics:
    found = CategoricalStatistics(unique=False)
    found.add(pa.array(values, kind), keys)
    return found


def merged(parts: list[CategoricalStatistics], how: list[int]) -> CategoricalStatistics:
    """Two of the parts at a time, as `how` says, some of them having been sent elsewhere, until one is left."""
    parts = list(parts)
    for step, number in enumerate([*how, *[0] * len(parts)]):
        if len(parts) == 1:
            break
        one = parts.pop(number % len(parts))
        other = parts.pop(number // 7 % len(parts))
        one.merge(pickle.loads(pickle.dumps(other)) if step % 2 else other)
        parts.append(one)
    return parts[0]


@settings(max_examples=60)
@given(
    values=st.lists(VALUES, min_size=1, max_size=120),
    as_text=st.booleans(),
    cuts=st.lists(st.integers(0, 120), max_size=8),
    how=st.lists(st.integers(0, 100), max_size=9),
    seed=st.integers(0, 1000),
)
def test_nothing_but_the_rows_counts(
    values: list[int], as_text: bool, cuts: list[int], how: list[int], seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        set_sizes(patch.setattr)
        check(values, as_text, cuts, how, seed)


def check(values: list[int], as_text: bool, cuts: list[int], how: list[int], seed: int) -> None:
    kind = pa.string() if as_text else pa.int64()
    rows = [f"value {value}" if as_text else value for value in values]
    keys = row_keys(np.arange(len(rows)))
    whole = counted(rows, keys, kind).to_json()
    order = np.random.default_rng(seed).permutation(len(rows))
    parts = [counted([rows[row] for row in part], keys[part], kind) for part in np.split(order, sorted(cuts))]
    assert json.dumps(merged(parts, how).to_json()) == json.dumps(whole)

    truth = Counter(rows)
    assert whole["count"] == len(rows)
    assert all(count >= truth[value] > 0 for value, count in whole["values"])
    assert whole["values"] == sorted(whole["values"], key=lambda pair: (-pair[1], pair[0]))
    assert ("error" in whole) == (len(truth) > categorical_statistics.EXACT_VALUES)
    if "error" not in whole:
        ranked = sorted(truth.items(), key=lambda pair: (-pair[1], pair[0]))
        assert whole["values"] == [list(pair) for pair in ranked[: categorical_statistics.MAX_VALUES]]


def test_rows_of_one_key_are_told_apart_by_their_values(small: None) -> None:
    """As those of one feature with several values are."""
    values, keys = [f"{number:02}" for number in range(20)], np.repeat(np.arange(2, dtype=np.uint64), 10)
    one, other = counted(values, keys, pa.string()), counted(values[::-1], keys[::-1], pa.string())
    assert one.to_json() == other.to_json()
    assert {value for value, _ in one.to_json()["values"]} <= set(values[:6])


def test_at_the_bound_all_is_exact(small: None) -> None:
    def of(count: int) -> dict:
        values = [number for number in range(count) for _ in range(count - number)]
        return counted(values, row_keys(np.arange(len(values))), pa.int64()).to_json()

    assert of(6) == {"count": 21, "values": [[0, 6], [1, 5], [2, 4], [3, 3]]}
    assert of(7)["error"] == 5


def test_frequent_values_are_there_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred values that are a thousandth each, among as many that are there once."""
    monkeypatch.setattr(categorical_statistics, "EXACT_VALUES", 25_000)
    monkeypatch.setattr(categorical_statistics, "MAX_VALUES", 100)
    frequent = np.repeat([f"often {number:03}" for number in range(100)], 200)
    rows = np.concatenate([frequent, [f"rare {number}" for number in range(180_000)]]).astype(object)
    keys, total = row_keys(np.arange(len(rows))), CategoricalStatistics(unique=False)
    for part in np.array_split(np.random.default_rng(0).permutation(len(rows)), 7):
        total.add(pa.array(rows[part]), keys[part])
    found = total.to_json()
    assert {value for value, _ in found["values"]} == set(frequent)
    assert found["error"] == 2
    counts = np.array([count for _, count in found["values"]])
    assert counts.min() >= 200 and (counts > 200 + found["error"]).mean() <= 0.018


def test_ids_are_no_more_than_are_told() -> None:
    found = CategoricalStatistics(unique=True)
    ids = np.random.default_rng(1).permutation(200_000)
    for part in np.array_split(ids, 3):
        found.add(pa.array(part), row_keys(part))
    assert found.to_json() == {"count": 200_000, "values": [[number, 1] for number in range(10_000)]}
    assert len(pickle.dumps(found)) < 1_000_000


def test_memory_does_not_grow_with_the_values() -> None:
    def used(count: int) -> tuple[int, int]:
        """Bytes of Arrow's at their highest, and of what is sent to where it is merged."""
        found, before, highest = CategoricalStatistics(unique=False), pa.total_allocated_bytes(), 0
        for rows in np.array_split(np.arange(count), count // 50_000):
            found.add(pa.array(rows).cast(pa.string()), row_keys(rows))
            highest = max(highest, pa.total_allocated_bytes() - before)
        return highest, len(pickle.dumps(found))

    few, many = used(400_000), used(1_200_000)
    # Arrow counts for the whole process; 800,000 values kept would be more than 20 MB.
    assert few[0] < 40e6 and many[0] < few[0] + 12e6 and many[1] < 1.2 * few[1] < 40e6
