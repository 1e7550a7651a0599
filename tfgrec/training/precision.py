"""Mixed precision, by `training.mixed_precision`: set for one model, not for the process."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tfgrec.config.training import MixedPrecision

_POLICIES = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@contextlib.contextmanager
def precision_policy(mixed_precision: MixedPrecision) -> Iterator[None]:
    """Layers made inside keep the configured policy; afterwards the one before holds again."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(_POLICIES[mixed_precision])
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def with_loss_scale(
    optimizer: tf.keras.optimizers.Optimizer, mixed_precision: MixedPrecision
) -> tf.keras.optimizers.Optimizer:
    """Float16 gradients vanish below 6e-8: there, the loss is scaled up as far as gradients stay finite."""
    if mixed_precision != "float16":
        return optimizer
    return tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
