"""A model in training measured on requests that it does not train on."""

import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfgrec.config.model import TaskConfig
from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.parsed_records import read_records
from tfgrec.data.time_cut import TimeCut
from tfgrec.errors import ConfigurationError
from tfgrec.metrics.evaluation import task_metric

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

# What a task of each kind is measured by, and what stands for early stopping's metric where no task is binary.
_MEASURED = {"binary": ("log_loss", "auc"), "regression": ("mae", "concordance")}
_OF_REGRESSIONS = {"log_loss": "mae", "auc": "concordance"}


class CutMetrics:
    """Measures a model on a cut, without dropout or masks.

    Args:
      model: a built model.
      data: the training records, those of the cut among them.
      cut: which of them to measure on.
      tasks: the model's tasks.
      batch_size: requests scored at once.
    """

    def __init__(
        self,
        *,
        model: "JointModel",
        data: TrainingData,
        cut: TimeCut,
        tasks: Mapping[str, TaskConfig],
        batch_size: int,
    ):
        self._data = data
        self._cut = cut
        self._tasks = dict(tasks)
        self._batch_size = batch_size

        def score(serialized: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
            graph, labels = data.parse(serialized)
            return model.predictions(graph), {name: labels[task.label] for name, task in tasks.items()}

        self._score = tf.function(score, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)

    def measure(self) -> dict[str, float]:
        """`{<metric>/<task>: value}`; what the cut leaves undefined is left out.

        Raises:
          ConfigurationError: a prediction is not finite.
        """
        scored = [self._score(batch) for batch in self._batches()]
        values = {}
        for name, task in self._tasks.items():
            scores, labels = (
                np.concatenate([part[name].numpy().reshape(-1) for part in parts]).astype(np.float64)
                for parts in zip(*scored, strict=True)
            )
            if not np.isfinite(scores).all():
                raise ConfigurationError(
                    f"training.early_stopping: predictions of {name} on the cut are not finite: lower "
                    "training.optimizer.learning_rate, or look for features that are not finite"
                )
            known = ~np.isnan(labels)
            for metric in _MEASURED[task.kind]:
                value = task_metric(metric, labels[known], scores[known])
                if value is not None:
                    values[f"{metric}/{name}"] = value
        return values

    def decisive(self, values: Mapping[str, float], metric: str) -> float:
        """The mean over binary tasks of early stopping's metric.

        Where there is no binary task: the mean over regressions of the absolute error in the unit of each (`log_loss`),
        or of the concordance (`auc`).

        Raises:
          ConfigurationError: it is undefined for all tasks.
        """
        kind = "binary" if any(task.kind == "binary" for task in self._tasks.values()) else "regression"
        name = metric if kind == "binary" else _OF_REGRESSIONS[metric]
        found = [
            values[f"{name}/{task}"] / (config.scale if name == "mae" else 1.0)
            for task, config in self._tasks.items()
            if config.kind == kind and f"{name}/{task}" in values
        ]
        if not found:
            lacking = "labels of one kind" if metric == "auc" else "all labels"
            raise ConfigurationError(
                f"training.early_stopping: {name} is undefined on the cut: its {self._cut.num_held_out:,} requests "
                f"lack {lacking}: raise training.early_stopping.share"
            )
        return statistics.fmean(found)

    def _batches(self) -> tf.data.Dataset:
        held_out = self._cut.held_out(read_records(self._data.files))
        return held_out.rebatch(self._batch_size).prefetch(tf.data.AUTOTUNE)
