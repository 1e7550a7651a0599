"""Metrics of binary tasks. Labels are 0 or 1, predictions are probabilities; an undefined metric is None."""

import numpy as np

from tfgrec.metrics.pair_order import correct_share, correct_shares_by_group

# A float32 sigmoid reaches 0 and 1 exactly; the loss of a wrong row has to stay finite.
PROBABILITY_MARGIN = 1e-7


def auc(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Area under the ROC curve: the share of (positive, negative) pairs in the right order, ties half.

    Both `[num_rows]`. None unless both labels occur.
    """
    return correct_share(labels, predictions)


def gauc(labels: np.ndarray, predictions: np.ndarray, users: np.ndarray) -> float | None:
    """AUC within each user, averaged with the user's number of rows as weight (Zhou et al., DIN, 2018, equation 7).

    All `[num_rows]`. Users who have one label only are left out, as they have no AUC; None if that leaves nobody.
    """
    numerators, denominators = gauc_sums(labels, predictions, np.unique(users, return_inverse=True)[1].reshape(-1))
    total = denominators.sum()
    return float(numerators.sum() / total) if total > 0 else None


def gauc_sums(labels: np.ndarray, predictions: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per group `[num_groups]`: rows times AUC, and rows; both zero where the group's AUC is undefined."""
    if len(labels) == 0:
        return np.zeros(0), np.zeros(0)
    shares = correct_shares_by_group(groups, labels, predictions)
    rows = np.where(np.isnan(shares), 0.0, np.bincount(groups))
    return rows * np.nan_to_num(shares), rows


def log_loss(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Mean cross-entropy in nats of `[num_rows]`; None without rows."""
    return float(cross_entropies(labels, predictions).mean()) if len(labels) else None


def cross_entropies(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Cross-entropy in nats of each row `[num_rows]`."""
    probabilities = np.clip(predictions, PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    return -np.where(labels > 0, np.log(probabilities), np.log1p(-probabilities))


def calibration(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Mean prediction over mean label: above 1 the model promises too much. None where no label is positive."""
    total = labels.sum()
    return float(predictions.sum() / total) if total > 0 else None
