"""Distributions in small drawings hold what the quantiles say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0.statistics_pb2 import Histogram

from tfgrec.report.style import colours_of
from tfx_pipeline.reports.binned_shares import binned_shares
from tfx_pipeline.reports.distribution_drawing import distribution_drawing

NUMBERS = st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=200)


def quantiles(values, buckets: int = 50) -> Histogram:
    """As TFDV makes them: buckets of equal counts."""
    ends = np.quantile(np.asarray(values, np.float64), np.linspace(0, 1, buckets + 1), method="lower")
    histogram = Histogram(type=Histogram.QUANTILES)
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=len(values) / buckets)
    return histogram


@given(NUMBERS, NUMBERS)
def test_shares_of_each_split_add_up_to_one(first, second):
    binned = binned_shares([quantiles(first), quantiles(second)])
    assert binned.shares.sum(axis=1) == pytest.approx([1, 1])
    assert (binned.shares >= -1e-12).all()
    assert binned.low == min(first + second) and binned.high == max(first + second)


def test_whole_numbers_have_a_bin_each():
    values = np.repeat([0, 1, 4], [500, 300, 200])
    binned = binned_shares([quantiles(values)])
    assert binned.shares[0] == pytest.approx([0.5, 0.3, 0, 0, 0.2], abs=0.02)


def test_uniform_numbers_are_drawn_flat_and_skewed_ones_on_a_logarithmic_axis():
    flat = binned_shares([quantiles(np.linspace(0, 1, 10_000))])
    assert not flat.logarithmic and flat.shares[0] == pytest.approx(np.full(28, 1 / 28), abs=1e-3)
    skewed = binned_shares([quantiles(np.expm1(np.linspace(0, 14, 10_000)))])
    assert skewed.logarithmic and skewed.shares.max() < 0.1


def test_a_split_without_values_has_no_share_and_none_at_all_no_drawing():
    binned = binned_shares([quantiles([1.5, 2.5]), Histogram()])
    assert binned.shares.sum(axis=1) == pytest.approx([1, 0])
    assert binned_shares([Histogram()]) is None


def test_a_drawing_has_an_area_and_a_line_for_each_other_split():
    splits = ["train", "eval", "serving"]
    drawn = distribution_drawing(binned_shares([quantiles([0, 1, 1])] * 3), splits, colours_of(splits))
    assert drawn.count("<path") == 3 and drawn.count("fill='none'") == 2
    assert "<title>0 to 1</title>" in drawn
