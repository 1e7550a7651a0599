"""The ranker's own features: the user's, the item's and the request's, with tables of their own."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT
from tfgrec.model.feature_encoding import FeatureEncoder
from tfgrec.model.feature_specs import FeatureSpec, dump_specs, parse_specs
from tfgrec.model.readout import readout_edges, to_candidates
from tfgrec.model.smoothed_rates import RateSpec, SmoothedRates

# Width of the item field where candidates come from several node sets, whose encodings differ in width.
_COMMON_ITEM_WIDTH = 64

Specs = Mapping[str, FeatureSpec | dict[str, Any]]


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class RankerFields(tf.keras.layers.Layer):
    """Encodes what a ranker without a graph would know of each candidate.

    Args:
      user: Specs of the user node set's features.
      items: `{readout edge set: specs of its item node set's features}`.
      request: Specs of the `_readout` features, labels excluded.
      rates: Rates of `_readout` counts, part of the request field.

    Call: scalar GraphTensor, training -> `{"user" | "item" | "request": [num_candidates, width]}`, without the fields
    that have no feature. A candidate without a user or item node has zeros there.
    """

    def __init__(
        self,
        *,
        user: Specs,
        items: Mapping[str, Specs],
        request: Specs,
        rates: Mapping[str, RateSpec | dict[str, Any]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._specs = {
            "user": parse_specs(user),
            "items": {edge_set: parse_specs(specs) for edge_set, specs in items.items()},
            "request": parse_specs(request),
        }
        self._user = _encoder(self._specs["user"], "user")
        self._request = _encoder(self._specs["request"], "request")
        self._rates = SmoothedRates(rates=rates, name="rates") if rates else None
        encoders = {name: _encoder(specs, name.replace("/", "_")) for name, specs in self._specs["items"].items()}
        self._items = {edge_set: encoder for edge_set, encoder in encoders.items() if encoder is not None}
        several = len(items) > 1
        self._item_projections = {
            edge_set: tf.keras.layers.Dense(_COMMON_ITEM_WIDTH, name=f"{encoder.name}_projection")
            for edge_set, encoder in self._items.items()
            if several
        }

    @property
    def field_names(self) -> list[str]:
        """The fields that have features."""
        present = {
            "user": self._user is not None,
            "item": bool(self._items),
            "request": self._request is not None or self._rates is not None,
        }
        return [name for name, has_features in present.items() if has_features]

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        encoders = [self._user, self._request, *self._items.values()]
        return [table for encoder in encoders if encoder is not None for table in encoder.id_tables]

    def call(self, graph: tfgnn.GraphTensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Encodes all fields."""
        fields = {}
        if self._user is not None:
            fields["user"] = _encode_roots(self._user, graph, f"{READOUT}/user", training)
        if self._items:
            fields["item"] = tf.add_n([self._item_field(graph, edge_set, training) for edge_set in self._items])
        if "request" in self.field_names:
            fields["request"] = self._request_field(graph.node_sets[READOUT].get_features_dict(), training)
        return fields

    def get_config(self) -> dict[str, Any]:
        """All specs."""
        return {
            "user": dump_specs(self._specs["user"]),
            "items": {edge_set: dump_specs(specs) for edge_set, specs in self._specs["items"].items()},
            "request": dump_specs(self._specs["request"]),
            "rates": self._rates.get_config()["rates"] if self._rates else {},
            **super().get_config(),
        }

    def _item_field(self, graph: tfgnn.GraphTensor, edge_set: str, training: bool) -> tf.Tensor:
        projection = self._item_projections.get(edge_set)
        return _encode_roots(self._items[edge_set], graph, edge_set, training, projection)

    def _request_field(self, features: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        parts = []
        if self._request is not None:
            parts.append(self._request(features, training=training))
        if self._rates is not None:
            parts.append(self._rates(features))
        return tf.concat(parts, axis=1)


def _encoder(specs: Specs, name: str) -> FeatureEncoder | None:
    return FeatureEncoder(specs=specs, name=f"{name}_features") if specs else None


def _encode_roots(
    encoder: FeatureEncoder,
    graph: tfgnn.GraphTensor,
    edge_set: str,
    training: bool,
    projection: tf.keras.layers.Layer | None = None,
) -> tf.Tensor:
    """Encodes only the nodes that `edge_set` ties to candidates, `[num_candidates, width]`."""
    edges = readout_edges(graph, edge_set)
    nodes = graph.node_sets[graph.edge_sets[edge_set].adjacency.node_set_name(tfgnn.SOURCE)]
    features = {name: tf.gather(nodes[name], edges.nodes) for name in encoder.feature_names}
    encoded = encoder(features, training=training)
    return to_candidates(encoded if projection is None else projection(encoded), edges, graph)
