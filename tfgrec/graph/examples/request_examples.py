"""Requests -> tf.Examples by one piece of code, so that a Beam job and a feature service write the same bytes."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfgrec.config.sampling import SamplingConfig
from tfgrec.graph.computed.computed_features import ComputedFeature, ComputedPlan
from tfgrec.graph.examples.encoding import encode_examples, to_ragged_columns
from tfgrec.graph.examples.ragged_column import RaggedColumn
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.sampling.subgraphs import SampledSubgraphs, sample_subgraphs
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.unknown_nodes import with_unknown_nodes


@dataclasses.dataclass(frozen=True)
class EncodedRequests:
    """Serialized tf.Examples `[num_requests]`, and what they were made from.

    Attributes:
      examples: one a request, in the order of the requests.
      subgraphs: what was sampled.
      computed: the computed features by name, float32 `[num_candidates]`.
      columns: all that the examples hold, see `to_ragged_columns`.
    """

    examples: list[bytes]
    subgraphs: SampledSubgraphs
    computed: dict[str, np.ndarray]
    columns: dict[str, RaggedColumn]


class RequestEncoder:
    """Samples, computes and encodes batches of requests. Several threads may use one encoder.

    Args:
      store: the graph.
      sampling: the plan of the hops.
      computed: the computed features by name.

    Attributes:
      schema: what a record holds.

    Raises:
      ConfigurationError: the plan names an edge set that the store does not have.
    """

    def __init__(self, *, store: GraphStore, sampling: SamplingConfig, computed: Mapping[str, ComputedFeature]) -> None:
        self._store, self._sampling, self._computed = store, sampling, computed
        self.schema = record_schema(store.schema, sampling)
        self._plans: dict[str, ComputedPlan] = {}

    def encode(self, requests: RequestBatch, *, with_items: bool = True) -> EncodedRequests:
        """The requests' tf.Examples: the bytes of each depend on no other request of the batch.

        Without items they have the users' subgraphs and all features of candidates, tied to no item.
        """
        graph = with_unknown_nodes(self._store, requests.unknown)
        sampled = requests if with_items else dataclasses.replace(requests, items=None)
        subgraphs = sample_subgraphs(graph, sampled, self._sampling, self.schema)
        computed = self._plan(requests.item_node_set).count(graph, requests)
        columns = to_ragged_columns(graph, requests, subgraphs, computed, self.schema)
        return EncodedRequests(encode_examples(columns), subgraphs, computed, columns)

    def _plan(self, item_node_set: str) -> ComputedPlan:
        if item_node_set not in self._plans:
            self._plans[item_node_set] = ComputedPlan(self._store.schema, self._computed, item_node_set)
        return self._plans[item_node_set]
