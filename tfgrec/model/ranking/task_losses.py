"""One task: its loss over the candidates that have a label, and its predictions in label units."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfgrec.config.model import TaskConfig
from tfgrec.model.loss_sum import LossSum
from tfgrec.model.ranking.label_transforms import LabelTransform

Features = Mapping[str, tf.Tensor]


class TaskLoss:
    """Loss and predictions of one task from its logits.

    Binary: cross-entropy of logits; the prediction is a probability. Regression: the configured loss between the logit
    and the transformed label (see LabelTransform); the prediction is in the label's units. Of several members, the loss
    is the mean of theirs; they predict together (see `of_members`).
    """

    def __init__(self, *, name: str, config: TaskConfig) -> None:
        self.config = config
        self._transform = LabelTransform(config) if config.kind == "regression" else None
        self._ranking = tfrs.tasks.Ranking(loss=_keras_loss(config), name=name)

    def loss(self, logits: tf.Tensor, labels: Features, features: Features) -> LossSum:
        """Sums the loss over the candidates with a label that is not NaN, each times its sample weight.

        Args:
          logits: `[num_candidates]`, or `[members, num_candidates]`.
          labels: `{label: [num_candidates]}`, the task's sample weights among them. A weight that is missing (NaN) or
            negative counts as zero.
          features: `_readout` features, `{feature: [num_candidates]}`.

        Returns:
          The sum, and the sum of the weights (without sample weights, the number of labelled candidates).
        """
        targets = labels[self.config.label]
        labelled = tf.math.is_finite(targets)
        weights = tf.cast(labelled, tf.float32)
        if self.config.sample_weight is not None:
            sample_weights = labels[self.config.sample_weight]
            weights *= tf.where(sample_weights > 0.0, sample_weights, 0.0)
        targets = tf.where(labelled, targets, 0.0)
        if self._transform is not None:
            targets = self._transform(targets, features)
        logits = tf.cast(logits, tf.float32)
        # Keras takes the mean over the last axis.
        members = logits[:, tf.newaxis] if logits.shape.rank == 1 else tf.transpose(logits)
        total = self._ranking(
            labels=tf.broadcast_to(targets[:, tf.newaxis], tf.shape(members)),
            predictions=members,
            sample_weight=weights,
            compute_metrics=False,
        )
        return LossSum(total, tf.reduce_sum(weights))

    def of_members(self, logits: tf.Tensor) -> tf.Tensor:
        """The one logit `[num_candidates]` of all members' `[members, num_candidates]`.

        Binary: that of the mean of their probabilities. Regression: the mean of what they predict on the learned scale.
        A lone `[num_candidates]` is returned as it is.
        """
        if logits.shape.rank == 1:
            return logits
        if self._transform is not None:
            return tf.reduce_mean(logits, axis=0)
        # log of mean p over mean 1 - p: exact where a probability itself would be rounded to 0 or 1.
        return tf.reduce_logsumexp(tf.math.log_sigmoid(logits), axis=0) - tf.reduce_logsumexp(
            tf.math.log_sigmoid(-logits), axis=0
        )

    def predictions(self, logits: tf.Tensor, features: Features) -> tf.Tensor:
        """Probability, or label units, `[num_candidates]`, from the logits and the `_readout` features."""
        logits = tf.cast(logits, tf.float32)
        return tf.sigmoid(logits) if self._transform is None else self._transform.inverse(logits, features)


def _keras_loss(config: TaskConfig) -> tf.keras.losses.Loss:
    # A sum, because the mean is over the labelled candidates of all replicas.
    reduction = tf.keras.losses.Reduction.SUM
    if config.kind == "binary":
        return tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)
    if config.loss == "huber":
        return tf.keras.losses.Huber(delta=config.huber_delta, reduction=reduction)
    losses = tf.keras.losses
    others = {"log_cosh": losses.LogCosh, "squared": losses.MeanSquaredError, "absolute": losses.MeanAbsoluteError}
    return others[config.loss](reduction=reduction)


def initial_logit(config: TaskConfig, statistics: Mapping[str, Any]) -> float:
    """The logit that predicts the training records' mean (binary) or median (regression); 0 without statistics.

    `statistics` are those of the `_readout` features, `{feature: {"numeric": {...}}}`.
    """
    label = (statistics.get(config.label) or {}).get("numeric")
    if not label:
        return 0.0
    if config.kind == "binary":
        mean = min(max(float(label["mean"]), 1e-4), 1 - 1e-4)
        return float(np.log(mean / (1 - mean)))
    median = _median(label)
    relative_to = (statistics.get(config.relative_to) or {}).get("numeric")
    features = {} if config.relative_to is None else {config.relative_to: tf.constant([_median(relative_to)])}
    return float(LabelTransform(config)(tf.constant([median]), features)[0])


def _median(summary: Mapping[str, Any] | None) -> float:
    quantiles = (summary or {}).get("quantiles")
    return float(quantiles[len(quantiles) // 2]) if quantiles else 0.0
