"""The labelled rows of a task and slice, collected in one place for all metrics that are computed from them.

AUC, GAUC and concordance are no sums over rows, so that a slice's rows have to meet in one place. A row takes 20 bytes
a task, 24 with a blessed model beside, in every slice that it is in, and for a moment more while its task's metrics are
computed one after the other: 110 for AUC, 170 for concordance, 220 and 260 for the intervals of their gains. Tasks and
slices are counted apart, on as many workers as there are.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from tfgrec.metrics import PairedReplicates, paired_replicates, task_metric
from tfx_pipeline.evaluation.extractors import REQUEST, USER

Metrics = dict[tfma.metrics.MetricKey, Any]


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """The rows of a task whose label is known, of one slice: all `[num_rows]`; `predictions` by model, `requests` int32
    numbers of their own, 0 to the last."""

    labels: np.ndarray
    users: np.ndarray
    requests: np.ndarray
    predictions: dict[str, np.ndarray]

    @classmethod
    def joined(cls, parts: list["LabelledRows"]) -> "LabelledRows":
        """One after the other; no request has rows in two of them."""
        counts = [part.requests.max(initial=-1) + 1 for part in parts]
        starts = (np.cumsum(counts) - counts).astype(np.int32)
        return cls(
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.users for part in parts]),
            np.concatenate([part.requests + before for part, before in zip(parts, starts, strict=True)]),
            {name: np.concatenate([part.predictions[name] for part in parts]) for name in parts[0].predictions},
        )

    def measure(self, metric: str, model: str) -> float:
        """A metric of one model."""
        if metric == "rows":
            return float(len(self.labels))
        columns = (self.labels.astype(np.float64), self.predictions[model].astype(np.float64))
        value = task_metric(metric, *columns, users=self.users, requests=self.requests)
        return float("nan") if value is None else value

    def replicates(self, metric: str, baseline: str, treatment: str, *, replicates: int) -> PairedReplicates:
        """A metric of two models under draws of users, always the same draws."""
        sides = ([self.predictions[model].astype(np.float64)] for model in (baseline, treatment))
        labels = self.labels.astype(np.float64)
        return paired_replicates(metric, labels, self.users, *sides, requests=self.requests, replicates=replicates)


def rows_key(task: str) -> tfma.metrics.MetricKey:
    """Where a task's LabelledRows are found; TFMA writes nothing whose name begins so."""
    return tfma.metrics.MetricKey("_labelled_rows", output_name=task)


def collected_rows(task: str, model_names: list[str]) -> tfma.metrics.MetricComputation:
    """The collection of a task's rows; TFMA runs it once, however many metrics ask for it."""
    key, columns = rows_key(task), tfma.metrics.FeaturePreprocessor(feature_keys=[USER, REQUEST])
    combiner = _CollectRows(key, task, model_names)
    return tfma.metrics.MetricComputation(keys=[key], preprocessors=[columns], combiner=combiner)


class _CollectRows(beam.CombineFn):
    """Collects the labelled rows of a task."""

    def __init__(self, key: tfma.metrics.MetricKey, task: str, models: list[str]) -> None:
        self._key = key
        self._task = task
        self._models = models

    def create_accumulator(self) -> list[LabelledRows]:
        nothing = np.zeros(0, np.float32)
        return [
            LabelledRows(nothing, np.zeros(0, np.uint64), np.zeros(0, np.int32), dict.fromkeys(self._models, nothing))
        ]

    def add_input(
        self, accumulator: list[LabelledRows], element: tfma.metrics.StandardMetricInputs
    ) -> list[LabelledRows]:
        labels = element[tfma.LABELS_KEY][self._task]
        known = ~np.isnan(labels)
        predictions = element[tfma.PREDICTIONS_KEY]
        rows = LabelledRows(
            labels[known],
            *(element[tfma.FEATURES_KEY][name][known] for name in (USER, REQUEST)),
            {model: predictions[model][self._task][known] for model in self._models},
        )
        return [*accumulator, rows]

    def merge_accumulators(self, accumulators: Iterable[list[LabelledRows]]) -> list[LabelledRows]:
        return [part for accumulator in accumulators for part in accumulator]

    def compact(self, accumulator: list[LabelledRows]) -> list[LabelledRows]:
        return [LabelledRows.joined(accumulator)]

    def extract_output(self, accumulator: list[LabelledRows]) -> Metrics:
        return {self._key: LabelledRows.joined(accumulator)}
