"""Batches of requests -> serialized GraphTensors, and counts of what was sampled."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from beam_jobs.request_batches import PlacedRequests
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.encoding import encode_examples, to_record_batch
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling import SampledSubgraphs, sample_subgraphs
from tfgrec.graph.schema import READOUT, Feature, GraphSchema
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys
from tfgrec.graph.store import GraphStore
from tfgrec.graph.temporal_degrees import temporal_degrees

Sizes = dict[str, dict[str, int]]


class RecordSampler:
    """Samples and encodes batches of requests.

    Attributes:
      num_requests, num_candidates: how many were encoded.
      sizes: by node set and edge set, `{"total": n, "largest": n}`: how many there were, and most in one request.
      statistics: of the features of `_readout`; None without `with_statistics`.
    """

    def __init__(
        self, store: GraphStore, config: RunConfig, tables: TablesConfig, schema: GraphSchema, *, with_statistics: bool
    ) -> None:
        self._store, self._sampling, self._tables, self._schema = store, config.sampling, tables, schema
        self.num_requests = 0
        self.num_candidates = 0
        self.sizes: Sizes = {}
        self.statistics = StatisticsAccumulator(readout_features(schema)) if with_statistics else None

    def records(self, placed: Sequence[PlacedRequests]) -> list[bytes]:
        """One record a request, in the order of their places."""
        examples: list[tuple[int, bytes]] = []
        for part in placed:
            examples += zip(part.places.tolist(), self._encode(part.requests), strict=True)
        return [example for _, example in sorted(examples, key=lambda placed_example: placed_example[0])]

    def _encode(self, requests: RequestBatch) -> list[bytes]:
        subgraphs = sample_subgraphs(self._store, requests, self._sampling)
        degrees = temporal_degrees(self._store, requests, self._tables.requests.temporal_degrees)
        self._count(requests, subgraphs)
        if self.statistics is not None:
            self._add_statistics(self.statistics, requests, degrees)
        return encode_examples(to_record_batch(self._store, requests, subgraphs, degrees, self._schema))

    def _count(self, requests: RequestBatch, subgraphs: SampledSubgraphs) -> None:
        self.num_requests += requests.num_requests
        self.num_candidates += requests.num_candidates
        sampled = {READOUT: requests.candidate_splits}
        sampled |= {name: of.splits for name, of in {**subgraphs.node_sets, **subgraphs.edge_sets}.items()}
        of_batch = {
            name: {"total": int(splits[-1]), "largest": int(np.diff(splits).max())} for name, splits in sampled.items()
        }
        self.sizes = merge_sizes([self.sizes, of_batch])

    def _add_statistics(
        self, statistics: StatisticsAccumulator, requests: RequestBatch, degrees: Mapping[str, np.ndarray]
    ) -> None:
        of_candidate = requests.candidate_requests
        user_hashes = self._store.node_index(self._tables.requests.user_node_set).hashes(requests.users)
        item_hashes = self._store.node_index(requests.item_node_set).hashes(requests.items)
        keys = row_keys(user_hashes[of_candidate], requests.times[of_candidate], item_hashes)
        columns = {**requests.readout, **{name: pa.array(values) for name, values in degrees.items()}}
        statistics.add(READOUT, columns, keys)


def readout_features(schema: GraphSchema) -> dict[str, dict[str, Feature]]:
    """The features of `_readout`, labels too, as StatisticsAccumulator takes them."""
    return {READOUT: dict(schema.node_sets[READOUT].features)}


def merge_sizes(parts: Iterable[Mapping[str, Mapping[str, Any]]]) -> Sizes:
    """Sizes of several sets of requests as those of all."""
    merged: Sizes = {}
    for part in parts:
        for name, of in part.items():
            sizes = merged.setdefault(name, {"total": 0, "largest": 0})
            sizes["total"] += of["total"]
            sizes["largest"] = max(sizes["largest"], of["largest"])
    return merged
