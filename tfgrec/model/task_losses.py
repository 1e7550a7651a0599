"""One task: its loss over the candidates that have a label, and its predictions in label units."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfgrec.config.model import TaskConfig

# exp(20) scales is beyond any label; a larger logit would overflow.
_LARGEST_LOGIT = 20.0


class TaskLoss:
    """Loss and predictions of one task from its logits.

    Binary: cross-entropy of logits; the prediction is a probability. Regression: Huber loss on log(1 + label / scale);
    the prediction is in the label's units, and not negative.
    """

    def __init__(self, *, name: str, config: TaskConfig) -> None:
        self.config = config
        # The mean is over labelled candidates, not over the batch: reduced by sum, divided in `loss`.
        reduction = tf.keras.losses.Reduction.SUM
        if config.kind == "binary":
            loss = tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)
        else:
            loss = tf.keras.losses.Huber(delta=config.huber_delta, reduction=reduction)
        self._ranking = tfrs.tasks.Ranking(loss=loss, name=name)

    def loss(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Mean loss over candidates whose label is not NaN, or 0; both inputs are `[num_candidates]`."""
        labelled = tf.math.is_finite(labels)
        weights = tf.cast(labelled, tf.float32)
        targets = tf.where(labelled, labels, 0.0)
        if self.config.kind == "regression":
            targets = tf.math.log1p(tf.maximum(targets, 0.0) / self.config.scale)
        total = self._ranking(
            labels=targets[:, tf.newaxis],
            predictions=logits[:, tf.newaxis],
            sample_weight=weights,
            compute_metrics=False,
        )
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights))

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """Probability, or label units, `[num_candidates]`."""
        if self.config.kind == "binary":
            return tf.sigmoid(logits)
        return tf.math.expm1(tf.clip_by_value(logits, 0.0, _LARGEST_LOGIT)) * self.config.scale


def initial_logit(config: TaskConfig, summary: Mapping[str, Any] | None) -> float:
    """The logit that predicts the training records' mean (binary) or median (regression); 0 without statistics."""
    numeric = (summary or {}).get("numeric")
    if not numeric:
        return 0.0
    if config.kind == "binary":
        mean = min(max(float(numeric["mean"]), 1e-4), 1 - 1e-4)
        return math.log(mean / (1 - mean))
    quantiles = numeric["quantiles"]
    return math.log1p(max(float(quantiles[len(quantiles) // 2]), 0.0) / config.scale) if quantiles else 0.0
