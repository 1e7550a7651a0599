"""The list of all metrics. metrics.json, reports, comparisons, thresholds, TFMA and docs/metrics.md follow it."""

from tfgrec.metrics.metric import Metric
from tfgrec.metrics.request_terms import RequestNdcg, RequestRecall, ranked_requests
from tfgrec.metrics.row_terms import (
    absolute_errors,
    cross_entropies,
    ordered_pairs,
    predictions_over_labels,
    user_aucs,
)

# Requests of the data sets here have two to eight candidates.
_FIRST = 3

# The first of a kind of task is what such a task is judged by where there is room for one.
_ENTRIES = (
    Metric(
        "auc",
        "binary",
        "AUC",
        "The share of pairs of a row with label 1 and one with label 0 in which the first has the higher prediction. "
        "A tie counts half, 0.5 is chance.",
        ordered_pairs,
        share=True,
        compared=True,
        pairs=True,
    ),
    Metric(
        "gauc",
        "binary",
        "GAUC",
        "AUC within each user, averaged with the user's rows as weight (Zhou et al., DIN, 2018, equation 7). Users "
        "who have one label only are left out.",
        user_aucs,
        share=True,
    ),
    Metric(
        f"ndcg@{_FIRST}",
        "binary",
        f"NDCG {_FIRST}",
        f"Of each request the sum of 1 / log2(1 + place) over its rows with label 1 among the first {_FIRST} by "
        "prediction, over what it would be if they came first; a mean over requests that have both labels. Ties count "
        "as the mean over their orders.",
        RequestNdcg(_FIRST),
        share=True,
        compared=True,
    ),
    Metric(
        f"recall@{_FIRST}",
        "binary",
        f"recall {_FIRST}",
        f"Of each request the share of its rows with label 1 that are among the first {_FIRST} by prediction; a mean "
        "over requests that have both labels. Ties count as the mean over their orders.",
        RequestRecall(_FIRST),
        share=True,
    ),
    Metric(
        "ranked_requests",
        "binary",
        "ranked requests",
        "The share of requests that have both labels: those that NDCG and recall are means over. The others, which no "
        "order can get wrong, are left out of these two.",
        ranked_requests,
        better="neither",
        share=True,
    ),
    Metric(
        "log_loss",
        "binary",
        "log loss",
        "The mean cross-entropy of a row, in nats.",
        cross_entropies,
        better="lower",
        compared=True,
    ),
    Metric(
        "calibration",
        "binary",
        "calibration",
        "The mean prediction over the mean label. It is best at 1; above, the model promises too much.",
        predictions_over_labels,
        better="neither",
        digits=3,
    ),
    Metric(
        "concordance",
        "regression",
        "concordance",
        "AUC for numbers: the share of pairs of rows with different labels whose predictions are in the same order. A "
        "tie counts half, 0.5 is chance.",
        ordered_pairs,
        share=True,
        compared=True,
        pairs=True,
    ),
    Metric(
        "mae",
        "regression",
        "MAE",
        "The mean absolute error of a row, in the unit of the label.",
        absolute_errors,
        better="lower",
        compared=True,
        in_label_units=True,
    ),
)

METRICS = {metric.name: metric for metric in _ENTRIES}


def metric_names(kind: str, *, compared: bool = False) -> list[str]:
    """The metrics of a kind of task, what it is judged by first; `compared`: those with an interval in comparisons."""
    return [metric.name for metric in _ENTRIES if metric.kind == kind and (metric.compared or not compared)]
