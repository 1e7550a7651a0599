"""Progressive layered extraction: experts of each task beside experts that all tasks share, level by level."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfgrec.errors import ConfigurationError
from tfgrec.model.ranking.packed_dense import PackedDense

# The name of what belongs to all tasks, beside those of tasks.
_SHARED = "shared"


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class ProgressiveExtraction(tf.keras.layers.Layer):
    """PLE (Tang et al., RecSys 2020, doi 10.1145/3383313.3412236; with one level its customised gate control).

    At each level a task's gate mixes the outputs of the task's own experts and of the shared ones, with weights
    softmax(linear gate). Below the last level a shared gate mixes those of all experts. What a gate gives is what the
    experts and the gate of the same owner read at the next level; at the first, all read the input.

    Args:
      tasks: Their names.
      experts: How many are shared, at each level.
      task_experts: How many each task has for itself, at each level.
      units: The width of the experts of each level; an expert is one dense layer with ReLU.
      members: How many of all this there are, none of which shares a weight with another.

    Call: `[num_candidates, width]` -> `{task: [num_candidates, units[-1]]}`, with several members
    `{task: [members, num_candidates, units[-1]]}`.

    Raises:
      ConfigurationError: a task is called "shared".

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> levels = tfgrec.ProgressiveExtraction(tasks=["click", "like"], experts=2, task_experts=1, units=[16, 8])
      >>> {task: hidden.shape.as_list() for task, hidden in levels(tf.ones([5, 18])).items()}
      {'click': [5, 8], 'like': [5, 8]}
    """

    def __init__(
        self,
        *,
        tasks: Sequence[str],
        experts: int,
        task_experts: int,
        units: Sequence[int],
        members: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if _SHARED in tasks:
            raise ConfigurationError(f"model.tasks: with model.towers.bottom ple no task can be called '{_SHARED}'")
        self._tasks, self._units, self._members = list(tasks), list(units), members
        self._counts = {**dict.fromkeys(self._tasks, task_experts), _SHARED: experts}
        self._levels = [self._make_experts(level) for level in range(len(self._units))]
        self._gates = [self._make_gates(level) for level in range(len(self._units))]

    @property
    def shared_experts(self) -> list[tf.keras.layers.Layer]:
        """The shared experts of the last level, which every task reads."""
        return list(self._levels[-1][_SHARED])

    def call(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Extracts."""
        read = dict.fromkeys(self._counts, inputs)
        for experts, gates in zip(self._levels, self._gates, strict=True):
            outputs = {owner: [expert(read[owner]) for expert in own] for owner, own in experts.items()}
            every = [output for of_owner in outputs.values() for output in of_owner]
            mixed = {task: outputs[task] + outputs[_SHARED] for task in self._tasks} | {_SHARED: every}
            read = {owner: _mean(gate(read[owner]), mixed[owner]) for owner, gate in gates.items()}
        return read

    def get_config(self) -> dict[str, Any]:
        """Tasks and sizes."""
        return {
            "tasks": self._tasks,
            "experts": self._counts[_SHARED],
            "task_experts": self._counts[self._tasks[0]],
            "units": self._units,
            "members": self._members,
            **super().get_config(),
        }

    def _make_experts(self, level: int) -> dict[str, list[tf.keras.layers.Layer]]:
        """Of one level, by owner."""
        return {
            owner: [
                self._dense(self._units[level], "relu", f"{owner}_expert_{level}_{number}") for number in range(count)
            ]
            for owner, count in self._counts.items()
        }

    def _make_gates(self, level: int) -> dict[str, tf.keras.layers.Layer]:
        """Of one level, by owner; the last one has none of all tasks."""
        widths = {task: self._counts[task] + self._counts[_SHARED] for task in self._tasks}
        if level + 1 < len(self._units):
            widths[_SHARED] = sum(self._counts.values())
        return {owner: self._dense(width, "softmax", f"{owner}_gate_{level}") for owner, width in widths.items()}

    def _dense(self, units: int, activation: str, name: str) -> tf.keras.layers.Layer:
        if self._members > 1:
            return PackedDense(members=self._members, units=units, activation=activation, name=name)
        return tf.keras.layers.Dense(units, activation=activation, name=name)


def _mean(weights: tf.Tensor, outputs: list[tf.Tensor]) -> tf.Tensor:
    """The mean of experts' outputs by a gate's weights."""
    return tf.einsum("...e,...eu->...u", weights, tf.stack(outputs, axis=-2))
