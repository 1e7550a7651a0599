"""Learning rates by step, and the optimizers that follow them."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfgrec.config.training import OptimizerConfig

WARM_UP_SHARE = 0.02
# Of tables, where neither the configuration nor early stopping says how long they learn.
TABLE_EPOCHS = 1.0


class WarmUpCosine(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly for `warm_up_steps`, then falls along a half cosine to `final_share` of `peak` at `total_steps`.

    From `stop_step` on, where it is given, the rate is zero.
    """

    def __init__(
        self, *, peak: float, final_share: float, warm_up_steps: int, total_steps: int, stop_step: int | None = None
    ):
        self.peak = peak
        self.final_share = final_share
        self.warm_up_steps = warm_up_steps
        self.total_steps = total_steps
        self.stop_step = stop_step

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """The rate `[]` float32 of a step, counted from zero."""
        step = tf.cast(step, tf.float32)
        rising = (step + 1.0) / max(self.warm_up_steps, 1)
        done = (step - self.warm_up_steps) / max(self.total_steps - self.warm_up_steps, 1)
        cosine = 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(done, 0.0, 1.0)))
        falling = self.final_share + (1.0 - self.final_share) * cosine
        rate = self.peak * tf.where(step < self.warm_up_steps, rising, falling)
        return rate if self.stop_step is None else tf.where(step < self.stop_step, rate, 0.0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "peak": self.peak,
            "final_share": self.final_share,
            "warm_up_steps": self.warm_up_steps,
            "total_steps": self.total_steps,
            "stop_step": self.stop_step,
        }


def make_optimizer(
    config: OptimizerConfig, *, total_steps: int, undecayed: Sequence[tf.Variable]
) -> tf.keras.optimizers.Optimizer:
    """Adam with decoupled weight decay (arXiv 1711.05101) for all but the embedding tables.

    Args:
      config: rates and decay.
      total_steps: the steps of the phase.
      undecayed: variables without weight decay: biases, gains, gates.
    """
    schedule = WarmUpCosine(
        peak=config.learning_rate,
        final_share=config.final_learning_rate_share,
        warm_up_steps=_warm_up_steps(total_steps),
        total_steps=total_steps,
    )
    # Batches differ in their numbers of nodes: compiled updates of embeddings would be compiled anew for each.
    optimizer = tf.keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay, jit_compile=False)
    optimizer.exclude_from_weight_decay(var_list=list(undecayed))
    return optimizer


def make_embedding_optimizer(
    config: OptimizerConfig, *, total_steps: int, steps_per_epoch: int, until_stopped: bool = False
) -> tf.keras.optimizers.Optimizer:
    """Adam for embedding tables, whose rate is zero after `embedding_epochs`: tables of ids over-fit then.

    Args:
      config: rates, and `embedding_epochs`.
      total_steps: the steps of the phase.
      steps_per_epoch: batches of an epoch.
      until_stopped: whether early stopping decides how long they learn where `embedding_epochs` doesn't.
    """
    epochs = config.embedding_epochs
    if epochs is None and not until_stopped:
        epochs = TABLE_EPOCHS
    schedule = WarmUpCosine(
        peak=config.embedding_learning_rate,
        final_share=config.final_learning_rate_share,
        warm_up_steps=_warm_up_steps(total_steps),
        total_steps=total_steps,
        stop_step=None if epochs is None else math.ceil(epochs * steps_per_epoch),
    )
    return tf.keras.optimizers.Adam(schedule, jit_compile=False)


def _warm_up_steps(total_steps: int) -> int:
    return math.ceil(WARM_UP_SHARE * total_steps)
