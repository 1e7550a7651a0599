"""The ranker's own features: the user's, the item's and the request's, with tables of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, USER_READOUT
from tfgrec.model.features.feature_encoding import FeatureEncoder
from tfgrec.model.features.feature_specs import FeatureSpec, dump_specs, parse_specs
from tfgrec.model.features.smoothed_rates import RateSpec, SmoothedRates
from tfgrec.model.fusion.readout import readout_edges, to_candidates
from tfgrec.model.item_parts import ItemParts, item_part

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
      providers: Layers that give further fields, see `field_providers`.

    Call: scalar GraphTensor, training, ItemParts or None -> `{"user" | "item" | "request": [num_candidates, width]}`,
    without the fields that have no feature, and with those of providers. A candidate without a user or item node has
    zeros there.
    """

    def __init__(
        self,
        *,
        user: Specs,
        items: Mapping[str, Specs],
        request: Specs,
        rates: Mapping[str, RateSpec | dict[str, Any]],
        providers: Sequence[tf.keras.layers.Layer | dict[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._specs = {
            "user": parse_specs(user),
            "items": {edge_set: parse_specs(specs) for edge_set, specs in items.items()},
            "request": parse_specs(request),
        }
        self._rates = SmoothedRates(rates=rates, name="rates") if rates else None
        self._providers = [
            tf.keras.layers.deserialize(provider) if isinstance(provider, dict) else provider for provider in providers
        ]
        groups = {USER_READOUT: self._specs["user"], **self._specs["items"], READOUT: self._specs["request"]}
        self._groups = [group for group, specs in groups.items() if specs]
        self._features = FeatureEncoder(specs={group: groups[group] for group in self._groups}, name="features")
        self._items = [edge_set for edge_set in items if edge_set in self._groups]
        self._item_projections = {
            edge_set: tf.keras.layers.Dense(_COMMON_ITEM_WIDTH, name=f"{edge_set.replace('/', '_')}_projection")
            for edge_set in (self._items if len(items) > 1 else ())
        }

    @property
    def field_names(self) -> list[str]:
        """The fields that have features."""
        present = {
            "user": USER_READOUT in self._groups,
            "item": bool(self._items),
            "request": READOUT in self._groups or self._rates is not None,
        }
        provided = [name for provider in self._providers for name in provider.field_names]
        return [*(name for name, has_features in present.items() if has_features), *provided]

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return [*self._features.id_tables, *(table for provider in self._providers for table in provider.id_tables)]

    def call(
        self, graph: tfgnn.GraphTensor, training: bool = False, items: ItemParts | None = None
    ) -> dict[str, tf.Tensor]:
        """Encodes all fields."""
        raw = {group: self._raw_features(graph, group) for group in self._groups}
        encoded = self._features(raw, training=training) if raw else {}
        fields = {}
        if USER_READOUT in encoded:
            fields["user"] = to_candidates(encoded[USER_READOUT], readout_edges(graph, USER_READOUT), graph)
        if self._items:
            of_sets = (self._item_field(graph, name, encoded[name]) for name in self._items)
            fields["item"] = item_part(items, "item", lambda: tf.add_n(list(of_sets)))
        request = [encoded[READOUT]] if READOUT in encoded else []
        if self._rates is not None:
            rates = self._rates(graph.node_sets[READOUT].get_features_dict())
            request.append(tf.cast(rates, self.compute_dtype))
        if request:
            fields["request"] = tf.concat(request, axis=1)
        for provider in self._providers:
            fields |= provider(graph, training=training, items=items)
        return fields

    def get_config(self) -> dict[str, Any]:
        """All specs, and providers where there are any."""
        providers = [tf.keras.layers.serialize(provider) for provider in self._providers]
        return {
            "user": dump_specs(self._specs["user"]),
            "items": {edge_set: dump_specs(specs) for edge_set, specs in self._specs["items"].items()},
            "request": dump_specs(self._specs["request"]),
            "rates": self._rates.get_config()["rates"] if self._rates else {},
            **({"providers": providers} if providers else {}),
            **super().get_config(),
        }

    def _raw_features(self, graph: tfgnn.GraphTensor, group: str) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """Features of candidates, or of only those nodes that the readout edge set `group` ties to candidates."""
        if group == READOUT:
            return graph.node_sets[READOUT].get_features_dict()
        edges = readout_edges(graph, group)
        nodes = graph.node_sets[graph.edge_sets[group].adjacency.node_set_name(tfgnn.SOURCE)]
        return {name: tf.gather(nodes[name], edges.nodes) for name in self._features.feature_names(group)}

    def _item_field(self, graph: tfgnn.GraphTensor, edge_set: str, encoded: tf.Tensor) -> tf.Tensor:
        if edge_set in self._item_projections:
            encoded = self._item_projections[edge_set](encoded)
        return to_candidates(encoded, readout_edges(graph, edge_set), graph)
