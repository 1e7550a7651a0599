"""Distributions of one number in several splits, as shares of the same bins."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from tensorflow_metadata.proto.v0.statistics_pb2 import Histogram

_BINS = 28
# Whole numbers that span at most this get a bin each.
_MOST_VALUES = 31
# If half of the values lie in this share of the range, at its low end, the axis is logarithmic.
_SKEWED = 0.03


@dataclasses.dataclass(frozen=True)
class BinnedShares:
    """Shares `[num_splits, num_bins]` of each split's values in bins from `low` to `high`."""

    shares: np.ndarray
    low: float
    high: float
    logarithmic: bool


def binned_shares(histograms: Sequence[Histogram]) -> BinnedShares | None:
    """Cuts the range of all values into equal bins; on a logarithmic axis if many lie near its low end.

    Args:
      histograms: quantiles of each split; one without buckets gives shares of zero.

    Returns:
      None if no split has values.
    """
    buckets = [_buckets(one) for one in histograms]
    ends = np.concatenate([one[:2].reshape(-1) for one in buckets])
    if not len(ends):
        return None
    low, high = float(ends.min()), float(ends.max())
    logarithmic = False
    if high - low <= _MOST_VALUES and np.all(ends == np.round(ends)):
        edges = np.arange(low, high + 2) - 0.5
    else:
        logarithmic = _is_skewed(ends)
        edges = _edges(low, high, logarithmic)
    shares = np.stack([np.diff(_shares_below(one, edges)) for one in buckets])
    return BinnedShares(shares, low, high, logarithmic)


def _buckets(histogram: Histogram) -> np.ndarray:
    """Low ends, high ends and counts, `[3, num_buckets]`."""
    rows = [(bucket.low_value, bucket.high_value, bucket.sample_count) for bucket in histogram.buckets]
    found = np.array(rows, np.float64).reshape(-1, 3)
    return found[np.isfinite(found).all(axis=1)].T


def _is_skewed(ends: np.ndarray) -> bool:
    return bool(np.median(ends) - ends.min() < _SKEWED * np.ptp(ends))


def _edges(low: float, high: float, logarithmic: bool) -> np.ndarray:
    if not logarithmic:
        return np.linspace(low, high, _BINS + 1)
    ends = [np.sign(end) * np.log1p(abs(end)) for end in (low, high)]
    along = np.linspace(*ends, _BINS + 1)
    return np.sign(along) * np.expm1(np.abs(along))


def _shares_below(buckets: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of values below each edge, `[num_edges]`; all are above the first and below the last."""
    low, high, count = buckets
    width = np.where(high > low, high - low, 1.0)
    within = np.clip((edges[:, None] - low) / width, 0, 1)
    # A bucket of one value lies below an edge as a whole, or not at all.
    within = np.where(high > low, within, edges[:, None] > low)
    below = within @ count / max(count.sum(), 1.0)
    below[0], below[-1] = 0.0, float(count.sum() > 0)
    return below
