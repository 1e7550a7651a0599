"""Bins of numbers against loops in NumPy, and what holds for all numbers and edges."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.model.features.piecewise_linear import bin_edges, piecewise_linear

NUMBERS = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20)
RISING = st.lists(st.floats(-1e3, 1e3, width=16), min_size=2, max_size=9, unique=True).map(sorted)


def by_loops(numbers: np.ndarray, edges: list[list[float]]) -> np.ndarray:
    rows = []
    for row in numbers:
        columns = []
        for x, of_number in zip(row, edges, strict=True):
            for low, high in zip(of_number[:-1], of_number[1:], strict=True):
                columns.append(0.0 if low == high else min(max((x - low) / (high - low), 0.0), 1.0) - 0.5)
        rows.append(columns)
    return np.array(rows)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_agrees_with_loops_whatever_the_number_of_bins(jit_compile: bool) -> None:
    edges = [[0.0, 1.0, 4.0], [-2.0, -1.0, 0.5, 3.0, 3.0], [7.0, 7.0], [10.0, 20.0]]
    numbers = np.random.default_rng(1).normal(2, 6, (50, len(edges)))
    shapes = [tf.TensorSpec([None, len(edges)], tf.float32)]
    compute = tf.function(lambda x: piecewise_linear(x, edges), input_signature=shapes, jit_compile=jit_compile)
    np.testing.assert_allclose(compute(numbers.astype(np.float32)), by_loops(numbers, edges), atol=1e-5)
    assert compute(np.zeros((0, len(edges)), np.float32)).shape == (0, 8)


@given(NUMBERS, RISING)
def test_bins_rise_one_after_the_other_and_together_give_the_number(values: list[float], edges: list[float]) -> None:
    numbers = np.sort(np.array(values, np.float32))
    columns = piecewise_linear(tf.constant(numbers[:, np.newaxis]), [edges]).numpy()
    assert columns.shape == (len(values), len(edges) - 1)
    assert np.all(np.abs(columns) <= 0.5) and np.all(np.diff(columns, axis=0) >= 0)
    begun = columns[:, 1:] > -0.5
    assert np.all(columns[:, :-1][begun] == 0.5)
    together = edges[0] + (columns + 0.5) @ np.diff(edges)
    np.testing.assert_allclose(together, np.clip(numbers, edges[0], edges[-1]), rtol=1e-4, atol=1e-2)


@given(st.lists(st.integers(0, 60) | st.floats(-1e6, 1e6), min_size=1, max_size=80), st.integers(1, 64))
def test_edges_are_quantiles_from_the_least_to_the_largest(values: list[float], bins: int) -> None:
    quantiles = np.quantile(values, np.linspace(0, 1, 65))
    edges = bin_edges(quantiles.tolist(), bins)
    different = np.unique(quantiles.astype(np.float32))
    assert len(edges) == bins + 1 and edges == sorted(edges)
    assert np.isin(edges, different).all() and edges[0] == different[0] and edges[-1] == different[-1]
    assert len(set(edges)) == min(bins + 1, len(different))


def test_without_ties_edges_are_evenly_spaced_quantiles() -> None:
    assert bin_edges([float(rank) for rank in range(65)], 8) == [8.0 * place for place in range(9)]


def test_what_ties_would_use_up_goes_to_other_values() -> None:
    assert bin_edges([0.0] * 50 + [float(count) for count in range(1, 16)], 8) == [0, 1, 3, 5, 7, 9, 11, 13, 15]


def test_few_values_have_a_bin_between_each_two_and_one_value_has_none() -> None:
    assert bin_edges([0.0] * 40 + [1.0] * 20 + [2.0] * 5, 4) == [0, 1, 2, 2, 2]
    for nothing in ([3.0] * 65, []):
        columns = piecewise_linear(tf.constant([[-1.0], [3.0], [9.0]]), [bin_edges(nothing, 8)])
        np.testing.assert_array_equal(columns, np.zeros((3, 8)))
