"""Where graph and ranker meet: level 1 among feature fields, level 2 in each task's hidden vector.

Both levels let the graph in through a linear map that starts at zero, so that training begins exactly at the model
without graph. A map of zeros opens quickly: all of its weights have a gradient in the first step, what is behind it has
one from the second step on, and a small step of many weights together is a large one. A gate that starts at zero has
one weight to do it with.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FieldFusion(tf.keras.layers.Layer):
    """Level 1: concatenates the ranker's fields and the mapped graph fields, each scaled by its gate where `gated`.

    Gates are in (0, 2), start at 1 and are computed from all fields, each projected to a common width for that alone.

    Args:
      ranker_fields: Names of the ranker's own fields.
      graph_fields: Names of the fields that come from the encoder.
      graph_units: Width of a graph field.
      gated: Whether fields are scaled by gates.
      gate_units: The common width.

    Call: `{field: [num_candidates, field width]}` -> `[num_candidates, sum of widths]`, ranker fields first.

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> fusion = tfgrec.FieldFusion(ranker_fields=["user"], graph_fields=["user_state"], graph_units=2, gated=True)
      >>> fusion({"user": tf.ones([1, 3]), "user_state": tf.ones([1, 16])}).numpy().tolist()
      [[1.0, 1.0, 1.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        *,
        ranker_fields: Sequence[str],
        graph_fields: Sequence[str],
        graph_units: int,
        gated: bool,
        gate_units: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._ranker_fields, self._graph_fields = list(ranker_fields), list(graph_fields)
        self._graph_units, self._gate_units = graph_units, gate_units
        self._maps = {name: _zero_map(graph_units, f"{name}_map") for name in self._graph_fields}
        self._gates = FieldGates(fields=self._fields, units=gate_units, name="gates") if gated else None

    def call(self, fields: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Maps, gates and concatenates."""
        parts = [self._maps[name](fields[name]) if name in self._maps else fields[name] for name in self._fields]
        if self._gates is not None:
            gates = tf.split(self._gates(fields), len(parts), axis=1)
            parts = [part * gate for part, gate in zip(parts, gates, strict=True)]
        return tf.concat(parts, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Fields and widths."""
        return {
            "ranker_fields": self._ranker_fields,
            "graph_fields": self._graph_fields,
            "graph_units": self._graph_units,
            "gated": self._gates is not None,
            "gate_units": self._gate_units,
            **super().get_config(),
        }

    @property
    def _fields(self) -> list[str]:
        return [*self._ranker_fields, *self._graph_fields]


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FieldGates(tf.keras.layers.Layer):
    """One gate a field, computed from all fields.

    Call: `{field: [num_candidates, field width]}` -> `[num_candidates, num_fields]` in (0, 2), 1 at the start.
    """

    def __init__(self, *, fields: Sequence[str], units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._fields, self._units = list(fields), units
        self._projections = {
            name: tf.keras.layers.Dense(units, activation="relu", name=f"{name}_pooled") for name in self._fields
        }
        self._gate = tf.keras.layers.Dense(
            len(self._fields), activation="sigmoid", kernel_initializer="zeros", name="gate"
        )

    def call(self, fields: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Computes the gates."""
        pooled = tf.concat([self._projections[name](fields[name]) for name in self._fields], axis=1)
        return 2.0 * self._gate(pooled)

    def get_config(self) -> dict[str, Any]:
        """Fields and width."""
        return {"fields": self._fields, "units": self._units, **super().get_config()}


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class TaskGate(tf.keras.layers.Layer):
    """Level 2: hidden + gate * map(relu(projection of the graph vector)), the map of zeros at the start.

    The gate is in (0, 2), one a unit, starts at 1 and is computed from the hidden vector and the graph vector, so that
    a task can take more of the graph for one candidate than for another.

    Call: hidden `[num_candidates, units]`, graph vector `[num_candidates, graph width]` -> `[num_candidates, units]`.

    Examples:
      >>> import tensorflow as tf, tfgrec
      >>> gate = tfgrec.TaskGate(units=2)
      >>> gate(tf.constant([[1.0, 2.0]]), tf.ones([1, 16])).numpy().tolist()
      [[1.0, 2.0]]
    """

    def __init__(self, *, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._units = units
        self._projection = tf.keras.layers.Dense(units, activation="relu", name="graph_projection")
        self._map = _zero_map(units, "graph_map")
        self._gate = tf.keras.layers.Dense(units, activation="sigmoid", kernel_initializer="zeros", name="gate")

    def call(self, hidden: tf.Tensor, graph_vector: tf.Tensor) -> tf.Tensor:
        """Adds the gated graph vector."""
        gate = 2.0 * self._gate(tf.concat([hidden, graph_vector], axis=1))
        return hidden + gate * self._map(self._projection(graph_vector))

    def get_config(self) -> dict[str, Any]:
        """The width."""
        return {"units": self._units, **super().get_config()}


def _zero_map(units: int, name: str) -> tf.keras.layers.Dense:
    return tf.keras.layers.Dense(units, use_bias=False, kernel_initializer="zeros", name=name)
