"""Multi-gate mixture of experts: what the tasks share, chosen by each task for itself."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class MixtureOfExperts(tf.keras.layers.Layer):
    """MMoE (Ma et al., KDD 2018, doi 10.1145/3219819.3220007, equations 6 and 7).

    Call: `[num_candidates, width]` -> `{task: [num_candidates, units[-1]]}`, for each task the experts' mean with
    weights softmax(its own linear gate).

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> experts = tfgrec.MixtureOfExperts(tasks=["click", "like"], experts=3, units=[16, 8])
      >>> {task: hidden.shape.as_list() for task, hidden in experts(tf.ones([5, 18])).items()}
      {'click': [5, 8], 'like': [5, 8]}
    """

    def __init__(self, *, tasks: Sequence[str], experts: int, units: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._tasks, self._units = list(tasks), list(units)
        self._experts = [
            tfrs.layers.blocks.MLP(self._units, final_activation="relu", name=f"expert_{number}")
            for number in range(experts)
        ]
        self._gates = {
            task: tf.keras.layers.Dense(experts, activation="softmax", name=f"{task}_gate") for task in self._tasks
        }

    @property
    def experts(self) -> list[tf.keras.layers.Layer]:
        """The expert networks."""
        return list(self._experts)

    def call(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Mixes."""
        outputs = tf.stack([expert(inputs) for expert in self._experts], axis=1)
        return {task: tf.einsum("ne,neu->nu", gate(inputs), outputs) for task, gate in self._gates.items()}

    def get_config(self) -> dict[str, Any]:
        """Tasks and sizes."""
        return {"tasks": self._tasks, "experts": len(self._experts), "units": self._units, **super().get_config()}
