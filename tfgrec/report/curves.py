"""The numbers behind the plots, small enough to draw and the same on every run: nothing is drawn at random."""

import dataclasses

import numpy as np

WILSON_95 = 1.96


@dataclasses.dataclass(frozen=True)
class Bins:
    """Rows in bins of rising prediction, all `[num_bins]`: counts, mean prediction and label, and a range of labels."""

    counts: np.ndarray
    predictions: np.ndarray
    labels: np.ndarray
    low: np.ndarray
    high: np.ndarray


def roc_curve(labels: np.ndarray, predictions: np.ndarray, *, max_points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates, each `[at most max_points]`, from (0, 0) to (1, 1).

    Equal predictions are one step. Points are thinned evenly along the curve, so that steep parts keep their shape.
    """
    order = np.argsort(-predictions, kind="stable")
    positives = labels[order] > 0
    last_of_tie = np.append(np.flatnonzero(np.diff(predictions[order])), len(order) - 1)
    true_rate = np.concatenate([[0.0], np.cumsum(positives)[last_of_tie] / positives.sum()])
    false_rate = np.concatenate([[0.0], np.cumsum(~positives)[last_of_tie] / (~positives).sum()])
    kept = thinned_positions(true_rate + false_rate, max_points)
    return false_rate[kept], true_rate[kept]


def calibration_bins(labels: np.ndarray, predictions: np.ndarray, *, num_bins: int = 10) -> Bins:
    """Quantile bins of a binary task's predictions; the range is Wilson's 95% interval of each bin's rate."""
    bins = _quantile_bins(predictions, num_bins)
    counts = np.bincount(bins)
    rates = np.bincount(bins, labels) / counts
    centre = (rates + WILSON_95**2 / (2 * counts)) / (1 + WILSON_95**2 / counts)
    spread = rates * (1 - rates) / counts + WILSON_95**2 / (4 * counts**2)
    half = WILSON_95 * np.sqrt(spread) / (1 + WILSON_95**2 / counts)
    return Bins(counts, np.bincount(bins, predictions) / counts, rates, centre - half, centre + half)


def regression_bins(labels: np.ndarray, predictions: np.ndarray, *, num_bins: int = 10) -> Bins:
    """Quantile bins of a regression task's predictions; the range holds the middle half of each bin's labels."""
    bins = _quantile_bins(predictions, num_bins)
    counts = np.bincount(bins)
    quartiles = np.array([np.quantile(labels[bins == position], [0.25, 0.75]) for position in range(len(counts))])
    means = [np.bincount(bins, values) / counts for values in (predictions, labels)]
    return Bins(counts, means[0], means[1], quartiles[:, 0], quartiles[:, 1])


def thinned_positions(along: np.ndarray, max_points: int) -> np.ndarray:
    """At most `max_points` positions into the strictly rising `along [num_points]`: the ends, and evenly between."""
    if len(along) <= max_points:
        return np.arange(len(along))
    return np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], max_points)))


def smoothed(values: np.ndarray, *, span: float) -> np.ndarray:
    """Exponential moving average of `[num_points]` over about `span` points, without a bias towards the first ones."""
    keep = 1 - 2 / (span + 1)
    total, weight = 0.0, 0.0
    result = np.empty(len(values))
    for position, value in enumerate(values):
        if np.isfinite(value):
            total, weight = keep * total + value, keep * weight + 1
        result[position] = total / weight if weight else np.nan
    return result


def _quantile_bins(predictions: np.ndarray, num_bins: int) -> np.ndarray:
    """The bin 0..n-1 of each prediction; equal predictions share a bin, so that there may be fewer than `num_bins`."""
    edges = np.quantile(predictions, np.linspace(0, 1, num_bins + 1)[1:-1])
    raw = np.searchsorted(np.unique(edges), predictions, side="right")
    return np.unique(raw, return_inverse=True)[1].reshape(-1)
