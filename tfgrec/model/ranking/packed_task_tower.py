"""One task's towers of several members at once."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfgrec.model.ranking.packed_dense import PackedDense, PackedMLP
from tfgrec.model.ranking.step_dropout import StepDropout


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class PackedTaskGate(tf.keras.layers.Layer):
    """Level 2 of the fusion in each member: a TaskGate of its own, all of which read one graph vector.

    Call: hidden `[members, num_candidates, units]`, graph vector `[num_candidates, graph width]`
    -> `[members, num_candidates, units]`.
    """

    def __init__(self, *, members: int, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._members, self._units = members, units
        sizes = {"members": members, "units": units}
        zeros = {**sizes, "use_bias": False, "kernel_initializer": "zeros"}
        self._projection = PackedDense(**sizes, activation="relu", name="graph_projection")
        self._map = PackedDense(**zeros, name="graph_map")
        # The parts of one kernel, so that the graph vector isn't copied beside every member's hidden vector.
        self._gate_of_hidden = PackedDense(**sizes, kernel_initializer="zeros", name="gate_of_hidden")
        self._gate_of_graph = PackedDense(**zeros, name="gate_of_graph")

    def call(self, hidden: tf.Tensor, graph_vector: tf.Tensor) -> tf.Tensor:
        """Adds the gated graph vector."""
        gate = 2.0 * tf.sigmoid(self._gate_of_hidden(hidden) + self._gate_of_graph(graph_vector))
        return hidden + gate * self._map(self._projection(graph_vector))

    def get_config(self) -> dict[str, Any]:
        """Members and width."""
        return {"members": self._members, "units": self._units, **super().get_config()}


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class PackedTaskTower(tf.keras.layers.Layer):
    """A TaskTower of each member: MLP, the level-2 gate where there is a graph vector, and the logit.

    Call: `[members, num_candidates, width]`, graph vector `[num_candidates, graph width]` or None, training
    -> `[members, num_candidates]` float32.
    """

    def __init__(
        self,
        *,
        members: int,
        units: Sequence[int],
        dropout: float,
        graph_gate: bool,
        initial_logit: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._members, self._units, self._initial_logit = members, list(units), initial_logit
        self._mlp = PackedMLP(members=members, units=self._units, name="mlp")
        self._dropout = StepDropout(rate=dropout)
        self._task_gate = None
        if graph_gate:
            self._task_gate = PackedTaskGate(members=members, units=self._units[-1], name="task_gate")
        self._logit = PackedDense(members=members, units=1, initial_bias=initial_logit, dtype=tf.float32, name="logit")

    def call(self, inputs: tf.Tensor, graph_vector: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Computes the members' logits."""
        hidden = self._mlp(inputs)
        if self._task_gate is not None:
            hidden = self._task_gate(hidden, graph_vector)
        return self._logit(self._dropout(hidden, training=training))[..., 0]

    def get_config(self) -> dict[str, Any]:
        """Sizes and switches."""
        return {
            "members": self._members,
            "units": self._units,
            "dropout": self._dropout.rate,
            "graph_gate": self._task_gate is not None,
            "initial_logit": self._initial_logit,
            **super().get_config(),
        }
