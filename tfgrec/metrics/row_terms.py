"""Metrics that are sums over rows, over pairs of rows and over users."""

import numpy as np

from tfgrec.metrics.metric import TaskRows, Terms
from tfgrec.metrics.pair_order import correct_shares_by_group, pairs_by_row

# A float32 sigmoid reaches 0 and 1 exactly; the loss of a wrong row has to stay finite.
PROBABILITY_MARGIN = 1e-7


def ordered_pairs(rows: TaskRows) -> Terms:
    """The correct and the comparable pairs that each row is in."""
    return Terms(*pairs_by_row(rows.labels, rows.scores), rows.user_codes)


def user_aucs(rows: TaskRows) -> Terms:
    """Per user, rows times AUC, and rows; both zero where the user has one label only."""
    users = np.arange(rows.user_codes.max(initial=-1) + 1)
    if not len(users):
        return Terms(np.zeros(0), np.zeros(0), users)
    shares = correct_shares_by_group(rows.user_codes, rows.labels, rows.scores)
    weights = np.where(np.isnan(shares), 0.0, np.bincount(rows.user_codes))
    return Terms(weights * np.nan_to_num(shares), weights, users)


def cross_entropies(rows: TaskRows) -> Terms:
    """Per row its cross-entropy in nats."""
    probabilities = np.clip(rows.scores, PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    losses = -np.where(rows.labels > 0, np.log(probabilities), np.log1p(-probabilities))
    return Terms(losses, np.ones_like(losses), rows.user_codes)


def predictions_over_labels(rows: TaskRows) -> Terms:
    """Per row its prediction, over its label."""
    return Terms(rows.scores, rows.labels, rows.user_codes)


def absolute_errors(rows: TaskRows) -> Terms:
    """Per row how far its prediction is off, in the unit of the label."""
    errors = np.abs(rows.scores - rows.labels)
    return Terms(errors, np.ones_like(errors), rows.user_codes)
