"""Numbers of edges on a scale of their own: large ones stay apart, flags stay flags."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID, TIME, Feature
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys
from tfgrec.model.features.edge_number_specs import edge_number_specs
from tfgrec.model.features.feature_specs import NumericSpec
from tfgrec.model.features.numeric_features import NumericFeatures

NUMBER = Feature("float32")
FLAGS = NumericFeatures(specs={"x": NumericSpec(transforms=["log"])})


def statistics_of(values: np.ndarray) -> dict:
    accumulator = StatisticsAccumulator({"edges/watched": {"x": NUMBER}})
    accumulator.add("edges/watched", {"x": pa.array(values, pa.float32())}, row_keys(np.arange(len(values))))
    return accumulator.to_json()


def read(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    layer = NumericFeatures(specs=edge_number_specs("edges/watched", {"x": NUMBER}, statistics_of(seen)))
    return layer({"x": tf.constant(values, tf.float32)}).numpy()


def test_watch_times_are_standardised_and_stay_apart() -> None:
    seen = np.random.default_rng(0).lognormal(9, 1.2, 5_000)
    inputs = read(seen, seen)[:, 0]
    assert abs(inputs.mean()) < 0.01 and abs(inputs.std() - 1) < 0.01
    short, long = read(np.array([10_000, 100_000]), seen)[:, 0]
    assert long - short > 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), max_size=300))
def test_flags_are_read_as_they_are(flags: list[float]) -> None:
    seen = np.array(flags)
    expected = FLAGS({"x": tf.constant([0.0, 1.0])}).numpy()
    np.testing.assert_array_equal(read(np.array([0.0, 1.0]), seen), expected)


@pytest.mark.parametrize("seen", [[0, 0.5, 1], [0, 0.01, 0.02], [0, 1, 1, 2], [-1, 0, 1], [1, 1, 1, 5]])
def test_other_small_numbers_are_standardised(seen: list[float]) -> None:
    inputs = read(np.array(seen), np.array(seen))
    assert inputs.shape == (len(seen), 1)
    assert inputs.mean() == pytest.approx(0, abs=1e-4) and inputs.std() == pytest.approx(1, abs=1e-3)


def test_only_single_numbers_are_read() -> None:
    features = {ID: Feature("int64"), TIME: Feature("int64"), "s": Feature("string"), "m": Feature("float32", True)}
    assert edge_number_specs("edges/watched", features, {}) == {}


def test_missing_statistics_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="edges/watched.x: the statistics hold no numeric summary"):
        edge_number_specs("edges/watched", {"x": NUMBER}, {"watched": statistics_of(np.ones(3))["edges/watched"]})
