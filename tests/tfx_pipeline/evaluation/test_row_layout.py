"""Slices by value and by range, and the layout's way through an EvalConfig."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tfgrec.config.pipeline import SliceConfig
from tfx_pipeline.evaluation.row_layout import range_texts, slice_texts

BOUNDARIES = st.lists(st.integers(-50, 50), min_size=1, max_size=5, unique=True).map(sorted)


def test_ranges_are_named_by_their_boundaries() -> None:
    assert range_texts([1, 10]) == ["< 1", "1 to 10", ">= 10"]
    assert range_texts([0.5]) == ["< 0.5", ">= 0.5"]


@given(BOUNDARIES, st.lists(st.integers(-60, 60) | st.just(math.nan), max_size=20))
def test_every_value_is_in_the_range_that_holds_it(boundaries: list[float], values: list[float]) -> None:
    texts = slice_texts(np.array(values, np.float32), SliceConfig(feature="f", boundaries=boundaries))
    edges = [-math.inf, *boundaries, math.inf]
    for value, text in zip(values, texts, strict=True):
        if math.isnan(value):
            assert text == "missing"
        else:
            position = range_texts(boundaries).index(text)
            assert edges[position] <= value < edges[position + 1]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (np.array([b"feed", "Stra\u00dfe".encode(), b"\xff"], dtype=object), ["feed", "Stra\u00dfe", "\ufffd"]),
        (np.array([3, -1, 3]), ["3", "-1", "3"]),
        (np.array([0.0, 1.5, math.nan], np.float32), ["0", "1.5", "missing"]),
        (np.array([], np.float32), []),
    ],
)
def test_values_are_their_own_text(values: np.ndarray, texts: list[str]) -> None:
    assert slice_texts(values, SliceConfig(feature="f")).tolist() == texts
