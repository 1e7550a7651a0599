"""Where graph and ranker meet: level 1 among feature fields, level 2 in each task's hidden vector."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

# 2 sigmoid(-3) is about 0.09: a graph field starts almost silent, and its gate still has a gradient.
_GRAPH_FIELD_BIAS = -3.0


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FieldGate(tf.keras.layers.Layer):
    """Level 1: scales each field by a gate in (0, 2) that is computed from all fields, and concatenates.

    Each field is projected to a common width for the gates' computation alone; what is scaled is the whole field, so
    that wide fields lose nothing. Gates of ranker fields start at 1, gates of graph fields near 0.

    Args:
      ranker_fields: Names of the ranker's own fields.
      graph_fields: Names of the fields that come from the encoder.
      units: The common width.

    Call: `{field: [num_candidates, field width]}` -> `[num_candidates, sum of widths]`, ranker fields first.
    """

    def __init__(
        self, *, ranker_fields: Sequence[str], graph_fields: Sequence[str], units: int = 32, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._ranker_fields, self._graph_fields, self._units = list(ranker_fields), list(graph_fields), units
        self._fields = [*self._ranker_fields, *self._graph_fields]
        self._projections = {
            name: tf.keras.layers.Dense(units, activation="relu", name=f"{name}_pooled") for name in self._fields
        }
        biases = [0.0] * len(self._ranker_fields) + [_GRAPH_FIELD_BIAS] * len(self._graph_fields)
        self._gate = tf.keras.layers.Dense(
            len(biases),
            kernel_initializer="zeros",
            bias_initializer=tf.constant_initializer(biases),
            name="gate",
        )

    def call(self, fields: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Gates and concatenates."""
        gates = self.gates(fields)
        gated = [fields[name] * gates[:, position, tf.newaxis] for position, name in enumerate(self._fields)]
        return tf.concat(gated, axis=1)

    def gates(self, fields: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`[num_candidates, num_fields]`, ranker fields first."""
        pooled = tf.concat([self._projections[name](fields[name]) for name in self._fields], axis=1)
        return 2.0 * tf.sigmoid(self._gate(pooled))

    def get_config(self) -> dict[str, Any]:
        """Fields and width."""
        return {
            "ranker_fields": self._ranker_fields,
            "graph_fields": self._graph_fields,
            "units": self._units,
            **super().get_config(),
        }


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class TaskGate(tf.keras.layers.Layer):
    """Level 2: hidden + gate * relu(projection of the graph vector), with one learned gate a unit.

    The gate starts at zero: training begins at the model without graph. Its gradient there is the projection, which is
    not zero; the projection learns as soon as the gate has moved.

    Call: hidden `[num_candidates, units]`, graph vector `[num_candidates, graph width]` -> `[num_candidates, units]`.
    """

    def __init__(self, *, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._projection = tf.keras.layers.Dense(units, activation="relu", name="graph_projection")
        self.gate = self.add_weight(name="gate", shape=(units,), initializer="zeros")

    def call(self, hidden: tf.Tensor, graph_vector: tf.Tensor) -> tf.Tensor:
        """Adds the gated graph vector."""
        return hidden + self.gate * self._projection(graph_vector)

    def get_config(self) -> dict[str, Any]:
        """The width."""
        return {"units": self._projection.units, **super().get_config()}
