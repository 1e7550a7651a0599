"""Metrics of ranking and regression tasks, over plain arrays and prediction tables."""

from tfgrec.metrics.bootstrap import PairedDifference, PairedReplicates, paired_replicates, user_bootstrap
from tfgrec.metrics.cold_start import cold_start
from tfgrec.metrics.entries import METRICS, metric_names
from tfgrec.metrics.evaluation import evaluate_predictions, task_metric
from tfgrec.metrics.metric import Metric, TaskRows, Terms

__all__ = [
    "METRICS",
    "Metric",
    "PairedDifference",
    "PairedReplicates",
    "TaskRows",
    "Terms",
    "cold_start",
    "evaluate_predictions",
    "metric_names",
    "paired_replicates",
    "task_metric",
    "user_bootstrap",
]
