"""Metrics of regression tasks, in the units of the label; an undefined metric is None."""

import numpy as np

from tfgrec.metrics.pair_order import correct_share


def mae(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Mean absolute error of `[num_rows]`, in label units; None without rows."""
    return float(np.abs(predictions - labels).mean()) if len(labels) else None


def concordance(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Share of pairs with different labels whose predictions are in the same order; ties in prediction count half.

    0.5 is chance, and for labels 0 and 1 it is the AUC. Both `[num_rows]`. None where all labels are equal.
    """
    return correct_share(labels, predictions)
