"""Counts the edges of the nodes that candidates lead to: of their author, or of all items of their author."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.adjacency import Adjacency
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.ordering import distinct_values, factorized
from tfgrec.graph.store.ranges import CHUNK, flat, whole_chunks


class KeyEdges:
    """Edges of the keys of a batch's candidates. A group is a request and a key that some of its candidates have.

    Keys are distinct nodes at the end of the path's first step; with a second step the edges are those of the distinct
    nodes that the key leads to. Then a group costs as many searches as it has nodes, a chunk of bounded size at a time.

    Args:
      store: the graph.
      requests: the batch.
      path: one or two edge sets, the first of which leaves the candidates.

    Attributes:
      candidates: a candidate, and
      groups: a group of it, int64 `[num_candidate_keys]` each, in the order of the candidates.
    """

    def __init__(self, store: GraphStore, requests: RequestBatch, path: Sequence[str]) -> None:
        self._store, self._path = store, path
        of_candidates = requests.candidate_requests
        rows = store.visible_rows(path[0], requests.items, requests.times[of_candidates])
        self.candidates, keys = self._distinct_targets(path[0], *rows)
        bound = self._num_targets(path[0])
        self.groups, distinct = factorized(of_candidates[self.candidates] * bound + keys)
        self._keys, self._times = distinct % bound, requests.times[distinct // bound]
        self._only_chunk: tuple[np.ndarray, np.ndarray] | None = None

    def count(
        self, edge_set: str, window_seconds: float | None, features: Collection[str]
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Counts, positions of the newest and sums by feature, a row a group: see `EdgeCounts`."""
        counts = np.zeros(len(self._keys), np.int64)
        newest = np.full(len(self._keys), -1, np.int64)
        sums = {name: np.zeros(len(self._keys)) for name in features}
        edges = self._store.adjacency(edge_set)
        for groups, nodes in self._chunks():
            start, end = self._store.visible_rows(edge_set, nodes, self._times[groups], window_seconds)
            np.add.at(counts, groups, end - start)
            if edges.timed:
                _put_newest(newest, groups, start, end, edges)
            if features:
                rows = start if window_seconds is None else edges.row_bounds(nodes)[0]
                for name, of_groups in sums.items():
                    np.add.at(of_groups, groups, self._store.edge_sums(edge_set, name).of_runs(rows, start, end))
        return counts, newest, sums

    def _chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Groups and the nodes whose edges they count, int64 `[num_nodes]` each; all of a group together."""
        if self._only_chunk is not None:
            yield self._only_chunk
            return
        if len(self._path) == 1:
            yield np.arange(len(self._keys)), self._keys
            return
        start, end = self._store.visible_rows(self._path[1], self._keys, self._times)
        for chosen in whole_chunks(end - start, CHUNK):
            groups, nodes = self._distinct_targets(self._path[1], start[chosen], end[chosen])
            chunk = groups + chosen.start, nodes
            if chosen == slice(0, len(start)):
                # Small enough to be kept for the next edge set.
                self._only_chunk = chunk
            yield chunk

    def _distinct_targets(self, edge_set: str, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The row and the target of what rows lead to, each target once a row, in the order of the edges."""
        rows, positions = flat(start, end)
        bound = self._num_targets(edge_set)
        distinct = distinct_values(rows * bound + self._store.adjacency(edge_set).targets(positions))
        return distinct // bound, distinct % bound

    def _num_targets(self, edge_set: str) -> int:
        # At least one, since nothing leads to the nodes of an empty set.
        return max(self._store.num_nodes(self._store.schema.edge_sets[edge_set].target), 1)


def _put_newest(newest: np.ndarray, groups: np.ndarray, start: np.ndarray, end: np.ndarray, edges: Adjacency) -> None:
    """Puts the position of the newest edge of each group, which no other call has, at the group's place."""
    seen = np.flatnonzero(start < end)
    groups, positions = groups[seen], end[seen] - 1
    times = edges.times(positions)
    of_groups = np.full(len(newest), np.iinfo(np.int64).min)
    np.maximum.at(of_groups, groups, times)
    last = times == of_groups[groups]
    newest[groups[last]] = positions[last]
