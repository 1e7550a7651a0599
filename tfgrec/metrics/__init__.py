"""Metrics of ranking and regression tasks, over plain arrays and prediction tables."""

from tfgrec.metrics.bootstrap import PairedDifference, PairedReplicates, paired_replicates, user_bootstrap
from tfgrec.metrics.classification import auc, calibration, gauc, log_loss
from tfgrec.metrics.cold_start import cold_start
from tfgrec.metrics.evaluation import LOWER_IS_BETTER, METRICS, evaluate_predictions, task_metric
from tfgrec.metrics.regression import concordance, mae

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "PairedDifference",
    "PairedReplicates",
    "auc",
    "calibration",
    "cold_start",
    "concordance",
    "evaluate_predictions",
    "gauc",
    "log_loss",
    "mae",
    "paired_replicates",
    "task_metric",
    "user_bootstrap",
]
