"""What makes an edge of a user one that the user shares with a candidate item: a key that both have."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.config.temporal_degrees import Shared, SharedFeature, SharedNeighbour
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.ranges import flat, whole_chunks

# The number of what each key belongs to, ascending, and the keys: int64 `[num_keys]` each.
Keys = tuple[np.ndarray, np.ndarray]


class SharedKeys(Protocol):
    """Keys of edges and of candidates. Candidates of a request with equal values have equal keys.

    Attributes:
      bound: keys are numbers from 0 to below it.
      values: of the candidates, int64 `[num_candidates]`, not negative.
      single: whether neither an edge nor a value has more than one key.
    """

    bound: int
    values: np.ndarray
    single: bool

    def of_values(self, values: np.ndarray, requests: np.ndarray) -> Keys:
        """The keys of values as `requests`, one a value, see them."""

    def of_edges(self, edge_set: str, positions: np.ndarray, requests: np.ndarray, limit: int) -> Iterator[Keys]:
        """The keys of edges of a set as `requests` see them, some `limit` keys at a time, all of an edge together."""


def shared_keys(store: GraphStore, requests: RequestBatch, shared: Shared) -> SharedKeys:
    """The keys that `shared` asks for, of edges and of the candidates of one batch."""
    if isinstance(shared, SharedNeighbour):
        return _Neighbours(store, requests, shared)
    if isinstance(shared, SharedFeature):
        return _FeatureValues(store, requests, shared)
    return _Items(store, requests)


class _Items:
    """The key of an edge is its target, that of a candidate its item."""

    single = True

    def __init__(self, store: GraphStore, requests: RequestBatch) -> None:
        self.bound = store.num_nodes(requests.item_node_set)
        self.values = requests.items
        self._store = store

    def of_values(self, values: np.ndarray, requests: np.ndarray) -> Keys:
        return np.arange(len(values)), values

    def of_edges(self, edge_set: str, positions: np.ndarray, requests: np.ndarray, limit: int) -> Iterator[Keys]:
        yield np.arange(len(positions)), self._store.adjacency(edge_set).targets(positions)


class _Neighbours:
    """The keys of an edge are its target's neighbours along an edge set, those of a candidate its item's."""

    single = False

    def __init__(self, store: GraphStore, requests: RequestBatch, shared: SharedNeighbour) -> None:
        self._store, self._times = store, requests.times
        self._shared = shared
        self._of_items = shared.leaving(requests.item_node_set)
        self.bound = store.num_nodes(store.schema.edge_sets[self._of_items].target)
        self.values = requests.items

    def of_values(self, values: np.ndarray, requests: np.ndarray) -> Keys:
        owners, positions = flat(*self._store.visible_rows(self._of_items, values, self._times[requests]))
        return owners, self._store.adjacency(self._of_items).targets(positions)

    def of_edges(self, edge_set: str, positions: np.ndarray, requests: np.ndarray, limit: int) -> Iterator[Keys]:
        of_targets = self._shared.leaving(self._store.schema.edge_sets[edge_set].target)
        targets = self._store.adjacency(edge_set).targets(positions)
        start, end = self._store.visible_rows(of_targets, targets, self._times[requests])
        for chosen in whole_chunks(end - start, limit):
            owners, neighbours = flat(start[chosen], end[chosen])
            yield owners + chosen.start, self._store.adjacency(of_targets).targets(neighbours)


class _FeatureValues:
    """The key of an edge is the value of its feature, that of a candidate the value of its request feature."""

    single = True

    def __init__(self, store: GraphStore, requests: RequestBatch, shared: SharedFeature) -> None:
        column = requests.readout[shared.request_feature].dictionary_encode()
        self.values = column.indices.to_numpy().astype(np.int64)
        self.bound = len(column.dictionary)
        self._known: pa.Array = column.dictionary
        self._store, self._feature = store, shared.edge_feature

    def of_values(self, values: np.ndarray, requests: np.ndarray) -> Keys:
        return np.arange(len(values)), values

    def of_edges(self, edge_set: str, positions: np.ndarray, requests: np.ndarray, limit: int) -> Iterator[Keys]:
        values = self._store.adjacency(edge_set).feature(self._feature, positions)
        codes = pc.index_in(values, value_set=self._known)
        keys = codes.fill_null(-1).to_numpy().astype(np.int64)
        known = np.flatnonzero(keys >= 0)
        yield known, keys[known]
