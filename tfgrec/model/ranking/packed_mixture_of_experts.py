"""Multi-gate mixtures of experts of several members at once."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfgrec.model.ranking.packed_dense import PackedDense, PackedMLP


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class PackedMixtureOfExperts(tf.keras.layers.Layer):
    """A MixtureOfExperts of each member, with experts and gates of its own.

    Call: `[num_candidates, width]` -> `{task: [members, num_candidates, units[-1]]}`.
    """

    def __init__(
        self, *, members: int, tasks: Sequence[str], experts: int, units: Sequence[int], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._members, self._tasks, self._units = members, list(tasks), list(units)
        self._experts = [
            PackedMLP(members=members, units=self._units, name=f"expert_{number}") for number in range(experts)
        ]
        self._gates = {
            task: PackedDense(members=members, units=experts, activation="softmax", name=f"{task}_gate")
            for task in self._tasks
        }

    @property
    def experts(self) -> list[tf.keras.layers.Layer]:
        """The expert networks, each of all members."""
        return list(self._experts)

    def call(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Mixes."""
        outputs = tf.stack([expert(inputs) for expert in self._experts], axis=2)
        return {task: tf.einsum("mne,mneu->mnu", gate(inputs), outputs) for task, gate in self._gates.items()}

    def get_config(self) -> dict[str, Any]:
        """Tasks and sizes."""
        return {
            "members": self._members,
            "tasks": self._tasks,
            "experts": len(self._experts),
            "units": self._units,
            **super().get_config(),
        }
