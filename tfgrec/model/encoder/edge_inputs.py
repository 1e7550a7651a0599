"""What a message is told about its edge: how old it is, and the edge's numbers."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn
from pydantic import TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.config.encodings import NumericEncoding
from tfgrec.graph.schema import TIME, EdgeSet
from tfgrec.model.features.feature_specs import NumericSpec, numeric_spec
from tfgrec.model.features.numeric_features import NumericFeatures

_LOG_OF_A_DAY = 11.367  # log(1 + 86,400 seconds): an edge one day old has age 1.


class EdgeInputSpec(FrozenConfig):
    """Whether an edge set's edges have a time, and their numeric features."""

    timed: bool
    numeric: dict[str, NumericSpec] = {}


_SPECS: TypeAdapter = TypeAdapter(dict[str, EdgeInputSpec])


def resolve_edge_inputs(edge_sets: Mapping[str, EdgeSet], statistics: Mapping[str, Any]) -> dict[str, EdgeInputSpec]:
    """The inputs of each edge set, perhaps none. Strings and multi-valued features of edges are not read.

    A number is log-transformed, and normalised where the statistics know the edge set (`{edge_set: {feature: ...}}`).
    """
    specs = {}
    for name, edges in edge_sets.items():
        numeric = {}
        for feature_name, feature in edges.features.items():
            if feature_name == TIME or feature.dtype == "string" or feature.multi_valued:
                continue
            summary = (statistics.get(name, {}).get(feature_name) or {}).get("numeric")
            key = f"edge set '{name}', feature '{feature_name}'"
            numeric[feature_name] = (
                numeric_spec(key, feature, NumericEncoding(), summary) if summary else NumericSpec(transforms=["log"])
            )
        specs[name] = EdgeInputSpec(timed=edges.timed, numeric=numeric)
    return specs


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
