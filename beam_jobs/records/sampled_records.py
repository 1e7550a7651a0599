"""Batches of requests -> serialized GraphTensors, and counts of what was sampled."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from beam_jobs.records.request_batches import PlacedRequests
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.computed.computed_features import computed_features
from tfgrec.graph.edge_numbers import edge_numbers
from tfgrec.graph.examples.counted_edge_numbers import add_edge_numbers
from tfgrec.graph.examples.request_examples import RequestEncoder
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling.sampling_statistics import SamplingStatistics
from tfgrec.graph.schema import READOUT, Feature, GraphSchema
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.unknown_nodes import with_unknown_nodes


class RecordSampler:
    """Samples and encodes batches of requests.

    Attributes:
      num_requests, num_candidates: how many were encoded.
      sampling: statistics of what was sampled.
      statistics: of the features of `_readout` and of edges' numbers; None without `with_statistics`.
    """

    def __init__(
        self, store: GraphStore, config: RunConfig, tables: TablesConfig, schema: GraphSchema, *, with_statistics: bool
    ) -> None:
        self._store, self._user_node_set = store, tables.requests.user_node_set
        self._encoder = RequestEncoder(
            store=store, sampling=config.sampling, computed=computed_features(tables.requests)
        )
        self.num_requests = 0
        self.num_candidates = 0
        self.sampling = SamplingStatistics(schema)
        self.statistics = StatisticsAccumulator(counted_features(schema)) if with_statistics else None

    def records(self, placed: Sequence[PlacedRequests]) -> list[bytes]:
        """One record a request, in the order of their places."""
        examples: list[tuple[int, bytes]] = []
        for part in placed:
            examples += zip(part.places.tolist(), self._encode(part.requests), strict=True)
        return [example for _, example in sorted(examples, key=lambda placed_example: placed_example[0])]

    def _encode(self, requests: RequestBatch) -> list[bytes]:
        encoded = self._encoder.encode(requests)
        users, items = self._id_hashes(requests)
        keys = row_keys(users, requests.times, items[requests.candidate_splits[:-1]])
        self.num_requests += requests.num_requests
        self.num_candidates += requests.num_candidates
        self.sampling.add(requests, encoded.subgraphs, keys)
        self.sampling.add_bytes(np.array([len(example) for example in encoded.examples], np.int64))
        if self.statistics is not None:
            self._add_statistics(self.statistics, requests, encoded.computed)
            add_edge_numbers(self.statistics, self._encoder.schema, encoded.columns, keys)
        return encoded.examples

    def _add_statistics(
        self, statistics: StatisticsAccumulator, requests: RequestBatch, computed: Mapping[str, np.ndarray]
    ) -> None:
        of_candidate = requests.candidate_requests
        users, items = self._id_hashes(requests)
        keys = row_keys(users[of_candidate], requests.times[of_candidate], items)
        columns = {**requests.readout, **{name: pa.array(values) for name, values in computed.items()}}
        statistics.add(READOUT, columns, keys)

    def _id_hashes(self, requests: RequestBatch) -> tuple[np.ndarray, np.ndarray]:
        """Those of users `[num_requests]` and of items `[num_candidates]`."""
        graph = with_unknown_nodes(self._store, requests.unknown)
        users, items = graph.node_index(self._user_node_set), graph.node_index(requests.item_node_set)
        return users.hashes(requests.users), items.hashes(requests.items)


def counted_features(schema: GraphSchema) -> dict[str, dict[str, Feature]]:
    """The features of `_readout`, labels too, and edges' numbers, as StatisticsAccumulator takes them."""
    return {READOUT: dict(schema.node_sets[READOUT].features), **edge_numbers(schema)}
