"""What a message is told about its edge: how old it is, and the edge's numbers."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn
from pydantic import TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.graph.edge_numbers import edge_set_statistics
from tfgrec.graph.schema import TIME, EdgeSet
from tfgrec.model.features.edge_number_specs import edge_number_specs
from tfgrec.model.features.feature_specs import NumericSpec
from tfgrec.model.features.numeric_features import NumericFeatures

_LOG_OF_A_DAY = 11.367  # log(1 + 86,400 seconds): an edge one day old has age 1.


class EdgeInputSpec(FrozenConfig):
    """Whether an edge set's edges have a time, and their numeric features."""

    timed: bool
    numeric: dict[str, NumericSpec] = {}


_SPECS: TypeAdapter = TypeAdapter(dict[str, EdgeInputSpec])


def resolve_edge_inputs(edge_sets: Mapping[str, EdgeSet], statistics: Mapping[str, Any]) -> dict[str, EdgeInputSpec]:
    """The inputs of each edge set, perhaps none. Strings and multi-valued features of edges are not read.

    Raises:
      ConfigurationError: the statistics, see `edge_number_specs`, lack a number.
    """
    return {
        name: EdgeInputSpec(
            timed=edges.timed,
            numeric=edge_number_specs(edge_set_statistics(name), edges.features, statistics),
        )
        for name, edges in edge_sets.items()
    }


def ages(milliseconds: tf.Tensor) -> tf.Tensor:
    """log(1 + seconds), scaled so that a day is 1, float32 of the shape of `milliseconds`; 0 for what is negative."""
    seconds = tf.cast(milliseconds, tf.float32) / 1000.0
    return tf.math.log1p(tf.maximum(seconds, 0.0)) / _LOG_OF_A_DAY


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class EdgeInputs(tf.keras.layers.Layer):
    """Computes the message input of each edge.

    The age is log(1 + seconds between the edge's time and its request's time), scaled so that a day is 1.

    Call: scalar GraphTensor with context feature `time` -> `{edge_set: [num_edges, width]}`, of width 0 where there is
    nothing to tell.
    """

    def __init__(self, *, specs: Mapping[str, EdgeInputSpec | dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._specs: dict[str, EdgeInputSpec] = _SPECS.validate_python(dict(specs))
        self._numeric = {
            name: NumericFeatures(specs=spec.numeric) for name, spec in self._specs.items() if spec.numeric
        }

    def call(self, graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
        """Computes the inputs of all edge sets."""
        return {name: tf.cast(tf.concat(self._inputs(graph, name), axis=1), self.compute_dtype) for name in self._specs}

    def get_config(self) -> dict[str, Any]:
        """The specs."""
        return {"specs": {name: spec.model_dump() for name, spec in self._specs.items()}, **super().get_config()}

    def _inputs(self, graph: tfgnn.GraphTensor, name: str) -> list[tf.Tensor]:
        features = graph.edge_sets[name].get_features_dict()
        inputs = [tf.zeros([graph.edge_sets[name].total_size, 0])]
        if self._specs[name].timed:
            request_times = tfgnn.broadcast_context_to_edges(graph, name, feature_value=graph.context[TIME])
            inputs.append(ages(request_times - features[TIME])[:, tf.newaxis])
        if name in self._numeric:
            inputs.append(self._numeric[name](features))
        return inputs
