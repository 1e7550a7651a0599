"""How sure the gain over the blessed model is, as a metric of TFMA: the ends of its interval.

The ends are differences between models, which TFMA knows as such: a change threshold on the low end is left out where
no model is blessed, and not met where the metric is undefined.
"""

from collections.abc import Callable
from functools import partial

import tensorflow_model_analysis as tfma

from tfgrec.metrics import METRICS
from tfx_pipeline.evaluation.labelled_rows import Metrics, collected_rows, rows_key

# The 5% quantile of the draws then wobbles by 7% of their standard deviation.
_REPLICATES = 1000


class GainInterval(tfma.metrics.Metric):
    """Both ends of the gain's interval, each of which the gain keeps to with `confidence`, by bootstrap over users.

    A gain is positive where the new model is better. The ends are NaN where the metric is undefined.

    Args:
      name: `gain_end(metric, "low")`: thresholds on this metric are on the low end.
      metric: one of `tfgrec.metrics.METRICS`, but those that are better neither higher nor lower.
      confidence: of each end by itself, 0.5 to 1.
    """

    def __init__(self, name: str, metric: str, confidence: float) -> None:
        super().__init__(_computations, name=name, metric=metric, confidence=confidence)


def gain_end(metric: str, end: str) -> str:
    """The name under which TFMA writes the end, low or high, of a metric's gain."""
    return f"{metric}_gain_{end}"


def _computations(
    name: str, metric: str, confidence: float, model_names: list[str], output_names: list[str]
) -> list[tfma.metrics.MetricComputation | tfma.metrics.DerivedMetricComputation]:
    """None where there is no blessed model."""
    if tfma.BASELINE_KEY not in model_names:
        return []
    computations = []
    for task in output_names:
        computations.append(collected_rows(task, model_names))
        keys = [
            tfma.metrics.MetricKey(end, model_name=tfma.CANDIDATE_KEY, output_name=task, is_diff=True)
            for end in (name, gain_end(metric, "high"))
        ]
        ends: Callable[[Metrics], Metrics] = partial(_ends, metric, confidence, keys, rows_key(task))
        computations.append(tfma.metrics.DerivedMetricComputation(keys=keys, result=ends))
    return computations


def _ends(
    metric: str,
    confidence: float,
    keys: list[tfma.metrics.MetricKey],
    rows: tfma.metrics.MetricKey,
    found: Metrics,
) -> Metrics:
    models = (tfma.BASELINE_KEY, tfma.CANDIDATE_KEY)
    replicates = found[rows].replicates(metric, *models, replicates=_REPLICATES)
    low, high = replicates.quantile(1 - confidence), replicates.quantile(confidence)
    return dict(zip(keys, (-high, -low) if METRICS[metric].better == "lower" else (low, high), strict=True))
