"""One score of all tasks, to order candidates by."""

from collections.abc import Mapping

import tensorflow as tf

from tfgrec.config.model import TaskConfig


def combined_weights(
    tasks: Mapping[str, TaskConfig], configured: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The weight of each task in the combined score: as configured, or else equal weights.

    Equal weights are those of the binary tasks, whose mean probability the combined score is; where there is none, of
    all regressions, each in units of its `scale`.
    """
    if configured:
        return {name: float(weight) for name, weight in configured.items()}
    binary = [name for name, task in tasks.items() if task.kind == "binary"]
    if binary:
        return {name: 1.0 / len(binary) for name in binary}
    return {name: 1.0 / (len(tasks) * task.scale) for name, task in tasks.items()}


def combined_score(scores: Mapping[str, tf.Tensor], weights: Mapping[str, float]) -> tf.Tensor:
    """The weighted sum of the tasks' scores, float32 `[num_candidates]`."""
    return tf.add_n([scores[task] * weight for task, weight in weights.items()])
