"""Merged statistics are those of all rows at once, however the rows were split."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.graph import categorical_statistics, statistics
from tfgrec.graph.schema import ID, Feature
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys

FEATURES = {
    "item": {
        ID: Feature("int64"),
        "price": Feature("float32"),
        "year": Feature("int64"),
        "kind": Feature("string"),
        "tags": Feature("string", multi_valued=True),
        "sizes": Feature("int64", multi_valued=True),
        "points": Feature("float32", multi_valued=True),
    }
}


def example_columns(count: int, seed: int = 0) -> dict[str, pa.Array]:
    random = np.random.default_rng(seed)
    lists = [random.integers(0, 6, random.integers(0, 4)).tolist() for _ in range(count)]
    prices = random.lognormal(3, 2, count).astype(np.float32) - 5
    prices[::7] = np.nan
    return {
        ID: pa.array(random.permutation(count)),
        "price": pa.array(prices),
        "year": pa.array(random.integers(1990, 2020, count)),
        "kind": pa.array(random.choice(["a", "b", "c"], count, p=[0.2, 0.5, 0.3])),
        "tags": pa.array([[str(value) for value in values] for values in lists], pa.list_(pa.string())),
        "sizes": pa.array(lists, pa.list_(pa.int64())),
        "points": pa.array(lists, pa.list_(pa.float32())),
    }


def accumulated(columns: dict[str, pa.Array], rows: np.ndarray) -> StatisticsAccumulator:
    accumulator = StatisticsAccumulator(FEATURES)
    chosen = {name: column.take(pa.array(rows)) for name, column in columns.items()}
    accumulator.add("item", chosen, row_keys(chosen[ID].to_numpy()))
    return accumulator


def assert_close(one: object, other: object) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12)
    else:
        assert one == other


@settings(max_examples=25)
@given(st.lists(st.integers(0, 120), max_size=5), st.randoms(use_true_random=False))
def test_any_split_and_order_gives_the_same(cuts: list[int], random: object) -> None:
    columns = example_columns(120)
    whole = accumulated(columns, np.arange(120)).to_json()
    rows = np.random.default_rng(random.randrange(100)).permutation(120)
    parts = [accumulated(columns, part) for part in np.split(rows, sorted(cuts))]
    random.shuffle(parts)
    merged = StatisticsAccumulator(FEATURES)
    for part in parts:
        merged.merge(pickle.loads(pickle.dumps(part)))
    assert_close(merged.to_json(), whole)


def test_the_order_of_merging_and_of_rows_changes_no_bit() -> None:
    columns = example_columns(700)

    def merged(order: list[int], nested: bool) -> dict:
        parts = [accumulated(columns, np.arange(part, 700, 7)[:: -1 if nested else 1]) for part in order]
        whole, half = StatisticsAccumulator(FEATURES), StatisticsAccumulator(FEATURES)
        for part in parts[:3]:
            (half if nested else whole).merge(part)
        for part in [*parts[3:], half]:
            whole.merge(pickle.loads(pickle.dumps(part)))
        return whole.to_json()

    assert merged([0, 1, 2, 3, 4, 5, 6], False) == merged([5, 0, 6, 4, 1, 3, 2], True)


def test_moments_and_quantiles_are_numpys() -> None:
    columns = example_columns(5000)
    result = json.loads(json.dumps(accumulated(columns, np.arange(5000)).to_json(), allow_nan=False))["item"]
    points = np.array([value for row in columns["points"].to_pylist() for value in row])
    prices = columns["price"].to_numpy()
    expected = {"price": prices[np.isfinite(prices)], "year": columns["year"].to_numpy(), "points": points}
    for name, values in expected.items():
        values = values.astype(np.float64)
        logs = np.sign(values) * np.log1p(np.abs(values))
        numeric = result[name]["numeric"]
        assert numeric["count"] == len(values)
        moments = [numeric[key] for key in ("mean", "standard_deviation", "log_mean", "log_standard_deviation")]
        np.testing.assert_allclose(moments, [values.mean(), values.std(), logs.mean(), logs.std()], rtol=1e-9)
        np.testing.assert_allclose(numeric["quantiles"], np.quantile(values, np.linspace(0, 1, 65)), rtol=1e-12)


def test_values_are_counted_most_frequent_first() -> None:
    columns = example_columns(300)
    result = accumulated(columns, np.arange(300)).to_json()["item"]
    assert {name: result[name]["categorical"] is not None for name in result} == {
        ID: True,
        "price": False,
        "year": True,
        "kind": True,
        "tags": True,
        "sizes": True,
        "points": False,
    }
    for name in ("kind", "tags", "sizes"):
        values, counts = np.unique(
            [value for row in columns[name].to_pylist() for value in ([row] if isinstance(row, str) else row)],
            return_counts=True,
        )
        ranked = sorted(zip(values.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
        assert result[name]["categorical"] == {"count": counts.sum(), "values": [list(pair) for pair in ranked]}
    assert all(result[name]["numeric"] is None for name in (ID, "kind", "tags", "sizes"))


def test_ties_and_ids_are_cut_at_the_smallest_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(categorical_statistics, "MAX_VALUES", 10)
    columns = example_columns(400)
    parts = [accumulated(columns, rows) for rows in np.array_split(np.random.default_rng(3).permutation(400), 9)]
    merged = parts[0]
    for part in parts[1:]:
        merged.merge(part)
    result = merged.to_json()["item"]
    assert result[ID]["categorical"] == {"count": 400, "values": [[value, 1] for value in range(10)]}
    assert len(result["year"]["categorical"]["values"]) == 10
    assert result["year"]["categorical"]["count"] == 400


def test_quantiles_of_many_rows_come_from_a_sample_that_is_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "SAMPLE_SIZE", 4000)
    count = 40_000
    features = {"row": {"x": Feature("float32")}}
    # Half of the rows share one value: a sample of distinct values would miss it.
    x = np.where(np.arange(count) % 2, 0.0, np.arange(count) / count).astype(np.float32)
    accumulator = StatisticsAccumulator(features)
    for rows in np.array_split(np.arange(count), 5):
        accumulator.add("row", {"x": pa.array(x[rows])}, row_keys(rows))
    quantiles = np.array(accumulator.to_json()["row"]["x"]["numeric"]["quantiles"])
    assert np.abs(quantiles - np.quantile(x, np.linspace(0, 1, 65))).max() < 0.05
    assert (quantiles[0], quantiles[-1]) == (x.min(), x.max())


def test_nothing_at_all() -> None:
    result = StatisticsAccumulator(FEATURES).to_json()["item"]
    assert result["price"]["numeric"]["count"] == 0 and result["price"]["numeric"]["standard_deviation"] == 0
    assert result["kind"]["categorical"] == {"count": 0, "values": []}
    json.dumps(result, allow_nan=False)


def test_row_keys_depend_on_all_columns() -> None:
    numbers, words = np.arange(100) % 10, np.array([f"w{i // 10}" for i in range(100)], object)
    keys = row_keys(numbers, words)
    assert len(np.unique(keys)) == 100
    assert np.array_equal(keys[::-1], row_keys(numbers[::-1], words[::-1]))
