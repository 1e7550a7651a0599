"""Temporal degrees counted again: looks at every edge of a node, and shares nothing with what made the records."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfgrec.config.temporal_degrees import SharedFeature, SharedNeighbour, TemporalDegree
from tfgrec.graph.recorded_candidate import UNKNOWN, RecordedCandidate
from tfgrec.graph.store.graph_store import GraphStore

_MILLISECONDS = 1_000


class RequestRecount:
    """Counts for the candidates of one request.

    Args:
      store: the graph, of which rows, times, targets and numbers of edges are read and nothing else.
      delays: feedback delays in milliseconds by edge set.
      time: the request's, in milliseconds since 1970.
    """

    def __init__(self, store: GraphStore, delays: Mapping[str, int], time: int) -> None:
        self._store, self._delays, self._time = store, delays, time
        self._rows: dict[tuple[str, int], np.ndarray] = {}

    def degree(self, definition: TemporalDegree, candidate: RecordedCandidate) -> float:
        """The value that the candidate has to have, see TemporalDegree."""
        edge_set = definition.edge_set
        edge_set = edge_set if isinstance(edge_set, str) else edge_set[candidate.item_node_set]
        path = definition.path(candidate.item_node_set)
        if path is not None:
            by_key = [
                self._young(edge_set, positions, definition) for positions in self._through(path, edge_set, candidate)
            ]
        else:
            node = candidate.user if definition.of == "user" else candidate.item
            positions = self._young(edge_set, self._visible(edge_set, node), definition)
            if definition.over_keys is None:
                return self._measured(definition, edge_set, self._shared(definition, edge_set, positions, candidate))
            by_key = self._by_key(definition.shared_with_item, edge_set, positions, candidate)
        if definition.over_keys is None:
            pooled = np.concatenate([np.empty(0, np.int64), *by_key])
            return self._measured(definition, edge_set, self._oldest_first(edge_set, pooled))
        if definition.measure not in ("count", "sum"):
            by_key = [positions for positions in by_key if len(positions)]
        return _over_keys(definition, [self._measured(definition, edge_set, positions) for positions in by_key])

    def _visible(self, edge_set: str, node: int) -> np.ndarray:
        """Positions of a node's edges that the request may see, oldest first."""
        if node == UNKNOWN:
            return np.empty(0, np.int64)
        if (edge_set, node) not in self._rows:
            (first,), (last,) = self._store.adjacency(edge_set).row_bounds(np.array([node]))
            positions = np.arange(first, last)
            if self._store.schema.edge_sets[edge_set].timed:
                times = self._store.adjacency(edge_set).times(positions)
                positions = positions[times + self._delays[edge_set] < self._time]
            self._rows[edge_set, node] = self._oldest_first(edge_set, positions)
        return self._rows[edge_set, node]

    def _oldest_first(self, edge_set: str, positions: np.ndarray) -> np.ndarray:
        if not self._store.schema.edge_sets[edge_set].timed:
            return positions
        return positions[np.argsort(self._store.adjacency(edge_set).times(positions), kind="stable")]

    def _young(self, edge_set: str, positions: np.ndarray, definition: TemporalDegree) -> np.ndarray:
        if definition.window_seconds is None:
            return positions
        oldest = self._time - definition.window_seconds * _MILLISECONDS
        return positions[self._store.adjacency(edge_set).times(positions) >= oldest]

    def _neighbours(self, edge_set: str, node: int) -> np.ndarray:
        """The distinct nodes that a node's visible edges lead to."""
        return np.unique(self._store.adjacency(edge_set).targets(self._visible(edge_set, node)))

    def _through(self, path: Sequence[str], edge_set: str, candidate: RecordedCandidate) -> list[np.ndarray]:
        """The edges of each of the item's keys, or of all nodes that a key leads to."""
        found = []
        for key in self._neighbours(path[0], candidate.item):
            nodes = self._neighbours(path[1], int(key)) if len(path) > 1 else [key]
            edges = [self._visible(edge_set, int(node)) for node in nodes]
            found.append(self._oldest_first(edge_set, np.concatenate([np.empty(0, np.int64), *edges])))
        return found

    def _shared(
        self, definition: TemporalDegree, edge_set: str, positions: np.ndarray, candidate: RecordedCandidate
    ) -> np.ndarray:
        """Those of the edges that are shared with the candidate."""
        shared, edges = definition.shared_with_item, self._store.adjacency(edge_set)
        if shared is None:
            return positions
        if isinstance(shared, SharedFeature):
            values = edges.feature(shared.edge_feature, positions).to_pylist()
            return positions[[value == candidate.features[shared.request_feature] for value in values]]
        if isinstance(shared, SharedNeighbour):
            by_key = self._by_key(shared, edge_set, positions, candidate)
            return positions[np.isin(positions, np.concatenate([np.empty(0, np.int64), *by_key]))]
        return positions[edges.targets(positions) == candidate.item]

    def _by_key(
        self, shared: SharedNeighbour, edge_set: str, positions: np.ndarray, candidate: RecordedCandidate
    ) -> list[np.ndarray]:
        """For each of the candidate's keys those of the edges whose target has it too."""
        along = shared.leaving(self._store.schema.edge_sets[edge_set].target)
        targets = self._store.adjacency(edge_set).targets(positions)
        keys_of = {int(target): self._neighbours(along, int(target)) for target in np.unique(targets)}
        return [
            positions[[bool((keys_of[target] == key).any()) for target in targets.tolist()]]
            for key in self._neighbours(shared.leaving(candidate.item_node_set), candidate.item)
        ]

    def _measured(self, definition: TemporalDegree, edge_set: str, positions: np.ndarray) -> float:
        """What the definition tells of edges, oldest first."""
        edges, count = self._store.adjacency(edge_set), len(positions)
        if definition.measure == "count":
            return float(count)
        if definition.measure == "sum":
            return math.fsum(edges.feature(definition.feature, positions).to_pylist())
        if count < definition.nth_last:
            return definition.missing
        if definition.measure == "mean":
            return math.fsum(edges.feature(definition.feature, positions).to_pylist()) / count
        one = positions[[-definition.nth_last]]
        if definition.measure == "last_value":
            return float(edges.feature(definition.feature, one)[0].as_py())
        return (self._time - int(edges.times(one)[0])) / _MILLISECONDS


def _over_keys(definition: TemporalDegree, values: Sequence[float]) -> float:
    if not values:
        return definition.without_edges
    if definition.over_keys in ("sum", "mean"):
        return math.fsum(values) / (len(values) if definition.over_keys == "mean" else 1)
    largest = (definition.over_keys == "best") != (definition.measure == "seconds_since_last")
    return max(values) if largest else min(values)
