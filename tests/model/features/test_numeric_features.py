"""Transforms of numbers against NumPy, and what happens to values that are no numbers."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.config.encodings import NumericEncoding
from tfgrec.graph.schema import Feature
from tfgrec.model.features.feature_specs import NumericSpec, numeric_spec
from tfgrec.model.features.numeric_features import LARGEST_VALUE, NumericFeatures

TRANSFORMS = ["standard", "log", "quantile", "piecewise"]
SAMPLE = np.random.default_rng(3).lognormal(2.0, 1.5, 2_000)


def summary_of(sample: np.ndarray) -> dict:
    logs = np.sign(sample) * np.log1p(np.abs(sample))
    return {
        "count": len(sample),
        "mean": sample.mean(),
        "standard_deviation": sample.std(),
        "log_mean": logs.mean(),
        "log_standard_deviation": logs.std(),
        "quantiles": np.quantile(sample, np.linspace(0, 1, 65)).tolist(),
    }


def spec_of(transform: str, sample: np.ndarray = SAMPLE) -> NumericSpec:
    return numeric_spec("key", Feature("float32"), NumericEncoding(transforms=[transform]), summary_of(sample))


def apply(transform: str, values: np.ndarray, sample: np.ndarray = SAMPLE) -> np.ndarray:
    layer = NumericFeatures(specs={"x": spec_of(transform, sample)})
    return layer({"x": tf.constant(values, tf.float32)}).numpy()[:, 0]


def test_standard_and_log_agree_with_numpy() -> None:
    logs = np.log1p(SAMPLE)
    cut = {"a_min": -LARGEST_VALUE, "a_max": LARGEST_VALUE}
    expected = np.clip((SAMPLE - SAMPLE.mean()) / SAMPLE.std(), **cut)
    np.testing.assert_allclose(apply("standard", SAMPLE), expected, atol=1e-4)
    np.testing.assert_allclose(apply("log", SAMPLE), np.clip((logs - logs.mean()) / logs.std(), **cut), atol=1e-4)


def test_quantile_gives_normal_scores_of_the_sample() -> None:
    scores = apply("quantile", SAMPLE)
    assert abs(scores.mean()) < 0.05 and abs(scores.std() - 1) < 0.1
    assert abs(np.median(scores)) < 0.05


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.sampled_from(TRANSFORMS))
def test_every_transform_keeps_order_and_stays_in_range(values: list[float], transform: str) -> None:
    result = apply(transform, np.sort(np.array(values, np.float32)))
    assert np.all(np.diff(result) >= -1e-5)
    assert np.all(np.abs(result) <= LARGEST_VALUE)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_value_that_is_no_number_counts_as_the_mean(transform: str) -> None:
    np.testing.assert_array_equal(apply(transform, np.array([np.nan, np.inf, -np.inf])), np.zeros(3))


def test_never_is_told_apart_by_an_indicator() -> None:
    seconds = np.concatenate([SAMPLE, [-1.0]])
    layer = NumericFeatures(specs={"since": spec_of("log", seconds), "count": spec_of("log")})
    values = {"since": tf.constant([-1.0, 0.0, 50.0]), "count": tf.constant([-1.0, 0.0, 50.0])}
    output = layer(values).numpy()
    assert output.shape == (3, 3)
    np.testing.assert_array_equal(output[:, 2], [1, 0, 0])
    np.testing.assert_array_equal(layer({**values, "since": tf.constant([np.nan, -np.inf, np.inf])})[:, 2], [0, 0, 0])


def test_columns_do_not_mix_and_integers_are_read() -> None:
    specs = {"a": spec_of("quantile"), "b": spec_of("standard"), "c": spec_of("log")}
    layer = NumericFeatures(specs=specs)
    values = np.array([1, 20, 300])
    columns = layer({name: tf.constant(values) for name in specs}).numpy()
    for position, transform in enumerate(("standard", "log", "quantile")):
        expected = apply(transform, values)
        np.testing.assert_allclose(columns[:, position], expected, atol=1e-5)


def test_one_number_can_be_read_in_several_ways() -> None:
    encodings = {"x": NumericEncoding(transforms=["quantile", "log"]), "y": NumericEncoding(transforms=["standard"])}
    specs = {name: numeric_spec("key", Feature("float32"), of, summary_of(SAMPLE)) for name, of in encodings.items()}
    layer = NumericFeatures(specs=specs)
    values = np.array([0.5, 10.0, np.nan])
    output = layer({"x": tf.constant(values), "y": tf.constant(values[::-1].copy())}).numpy()
    columns = [("y", "standard"), ("x", "log"), ("x", "quantile")]
    assert output.shape == (3, len(columns))
    for position, (name, transform) in enumerate(columns):
        np.testing.assert_allclose(output[:, position], apply(transform, values if name == "x" else values[::-1]))


def test_piecewise_is_how_far_a_number_has_come_between_quantiles_on_a_log_scale() -> None:
    edges = np.log1p(np.quantile(SAMPLE, np.arange(9) / 8))
    values = np.concatenate([SAMPLE[:200], [0.0, 1e9]])
    progress = [(np.log1p(values) - low) / (high - low) for low, high in zip(edges[:-1], edges[1:], strict=True)]
    output = NumericFeatures(specs={"x": spec_of("piecewise")})({"x": tf.constant(values)})
    np.testing.assert_allclose(output, np.clip(np.stack(progress, 1), 0, 1) - 0.5, atol=1e-4)


def test_bins_of_all_numbers_come_between_other_columns_and_indicators() -> None:
    encodings = {
        "x": NumericEncoding(transforms=["piecewise"], bins=3),
        "y": NumericEncoding(transforms=["log"]),
        "z": NumericEncoding(transforms=["piecewise", "log"]),
    }
    sample = np.concatenate([SAMPLE, [-1.0]])
    specs = {name: numeric_spec("key", Feature("float32"), of, summary_of(sample)) for name, of in encodings.items()}
    values = {"x": [np.nan, -1.0, 5.0], "y": [1.0, 2.0, -1.0], "z": [7.0, np.inf, 1e9]}
    tensors = {name: tf.constant(numbers) for name, numbers in values.items()}
    output = NumericFeatures(specs=specs)(tensors).numpy()
    assert output.shape == (3, 2 + 3 + 8 + 3)
    alone = {name: NumericFeatures(specs={name: specs[name]})(tensors).numpy() for name in specs}
    np.testing.assert_array_equal(output[:, :2], np.stack([alone["y"][:, 0], alone["z"][:, 0]], 1))
    np.testing.assert_array_equal(output[:, 2:13], np.concatenate([alone["x"][:, :3], alone["z"][:, 1:9]], 1))
    np.testing.assert_array_equal(output[:, 13:], [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(output[0, 2:5], np.zeros(3))
    np.testing.assert_array_equal(output[1, 2:5], np.full(3, -0.5))
    np.testing.assert_array_equal(output[2, 5:13], np.full(8, 0.5))


def test_several_values_count_by_their_mean_and_none_as_unknown() -> None:
    layer = NumericFeatures(specs={"x": NumericSpec(transforms=["standard"], multi_valued=True)})
    output = layer({"x": tf.ragged.constant([[1.0, 3.0], [], [-2.0]])})
    np.testing.assert_allclose(output[:, 0], [2.0, 0.0, -2.0])


def test_a_copy_from_the_config_computes_the_same() -> None:
    layer = NumericFeatures(specs={"a": spec_of("quantile"), "b": spec_of("log"), "c": spec_of("piecewise")})
    copy = NumericFeatures.from_config(layer.get_config())
    values = {name: tf.constant([0.5, 10.0]) for name in "abc"}
    np.testing.assert_array_equal(layer(values), copy(values))
