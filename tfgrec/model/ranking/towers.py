"""From fused fields to a logit a task, or one of each member: TFRS cross layers, a shared bottom or experts, towers."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfgrec.config.model import TowersConfig
from tfgrec.model.fusion.field_fusion import TaskGate
from tfgrec.model.ranking.bottoms import BOTTOMS
from tfgrec.model.ranking.packed_task_tower import PackedTaskTower
from tfgrec.model.ranking.step_dropout import StepDropout


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class TaskTower(tf.keras.layers.Layer):
    """One task's MLP, the level-2 gate where there is a graph vector, and the logit.

    Call: `[num_candidates, width]`, graph vector `[num_candidates, graph width]` or None, training
    -> `[num_candidates]`.
    """

    def __init__(
        self, *, units: list[int], dropout: float, graph_gate: bool, initial_logit: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._units, self._initial_logit = list(units), initial_logit
        self._mlp = tfrs.layers.blocks.MLP(self._units, final_activation="relu", name="mlp")
        self._dropout = StepDropout(rate=dropout)
        self._task_gate = TaskGate(units=self._units[-1], name="task_gate") if graph_gate else None
        self._logit = tf.keras.layers.Dense(
            1, bias_initializer=tf.constant_initializer(initial_logit), dtype=tf.float32, name="logit"
        )

    def call(self, inputs: tf.Tensor, graph_vector: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Computes the task's logits."""
        hidden = self._mlp(inputs)
        if self._task_gate is not None:
            hidden = self._task_gate(hidden, graph_vector)
        return self._logit(self._dropout(hidden, training=training))[:, 0]

    def get_config(self) -> dict[str, Any]:
        """Sizes and switches."""
        return {
            "units": self._units,
            "dropout": self._dropout.rate,
            "graph_gate": self._task_gate is not None,
            "initial_logit": self._initial_logit,
            **super().get_config(),
        }


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class RankingTowers(tf.keras.layers.Layer):
    """Cross layers, then the bottom that the tasks share, then a tower a task.

    With several members (Gorishniy et al., ICLR 2025, arXiv 2410.24210) each has a bottom and towers of its own; all of
    them read the same cross layers.

    Args:
      initial_logits: `{task: the logit of its label's mean}`, where training starts.
      graph_gate: Whether each tower mixes in the graph vector (level 2 of the fusion).
      config: Sizes.

    Call: fused fields `[num_candidates, width]`, graph vector `[num_candidates, graph width]` or None, training
    -> `{task: [num_candidates]}`, with several members `{task: [members, num_candidates]}`.

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> towers = tfgrec.RankingTowers(
      ...     initial_logits={"click": -1.0, "like": -3.0},
      ...     graph_gate=True,
      ...     config={"bottom_units": [16], "task_units": [8], "cross_layers": 1},
      ... )
      >>> logits = towers(tf.ones([3, 18]), tf.ones([3, 16]))
      >>> {task: of_task.shape.as_list() for task, of_task in logits.items()}
      {'click': [3], 'like': [3]}
    """

    def __init__(
        self,
        *,
        initial_logits: Mapping[str, float],
        graph_gate: bool,
        config: TowersConfig | dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._config = TowersConfig.model_validate(config)
        self._initial_logits, self._graph_gate = dict(initial_logits), graph_gate
        self._crosses = [
            tfrs.layers.dcn.Cross(
                projection_dim=self._config.cross_projection,
                kernel_initializer="glorot_uniform",
                name=f"cross_{number}",
            )
            for number in range(self._config.cross_layers)
        ]
        self._bottom = BOTTOMS[self._config.bottom].make(list(self._initial_logits), self._config)
        self._dropout = StepDropout(rate=self._config.dropout)
        self._towers = {task: self._make_tower(task) for task in self._initial_logits}

    @property
    def shared_kernels(self) -> list[tf.Variable]:
        """Last kernels of what the tasks share; exist after the first call."""
        networks = BOTTOMS[self._config.bottom].shared(self._bottom)
        return [network.trainable_variables[-2] for network in networks]

    def call(
        self, fused: tf.Tensor, graph_vector: tf.Tensor | None = None, training: bool = False
    ) -> dict[str, tf.Tensor]:
        """Computes all tasks' logits."""
        crossed = fused
        for cross in self._crosses:
            crossed = cross(fused, crossed)
        shared = self._bottom(self._dropout(crossed, training=training))
        if not isinstance(shared, dict):
            shared = dict.fromkeys(self._towers, self._dropout(shared, training=training))
        return {
            task: tower(shared[task], graph_vector=graph_vector, training=training)
            for task, tower in self._towers.items()
        }

    def get_config(self) -> dict[str, Any]:
        """Tasks and sizes."""
        return {
            "initial_logits": self._initial_logits,
            "graph_gate": self._graph_gate,
            "config": self._config.model_dump(),
            **super().get_config(),
        }

    def _make_tower(self, task: str) -> tf.keras.layers.Layer:
        tower: dict[str, Any] = {
            "units": self._config.task_units,
            "dropout": self._config.dropout,
            "graph_gate": self._graph_gate,
            "initial_logit": self._initial_logits[task],
            "name": f"{task}_tower",
        }
        if self._config.members > 1:
            return PackedTaskTower(members=self._config.members, **tower)
        return TaskTower(**tower)
