"""Counts and sums of the edges that requests may see: of users and items, and of those that go with the candidate."""

import dataclasses
from collections.abc import Collection
from typing import Literal

import numpy as np

from tfgrec.config.tables import Shared
from tfgrec.graph.degrees.shared_edges import SharedEdges
from tfgrec.graph.degrees.shared_keys import shared_keys
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore


@dataclasses.dataclass(frozen=True)
class EdgeCounts:
    """How many edges there are, what their numbers sum to, and which of them is the newest.

    Attributes:
      counts: int64 `[num_rows]`.
      newest: the position of the newest edge, int64 `[num_rows]`; -1 where there is none.
      sums: sums by edge feature, float64 `[num_rows]` each.
    """

    counts: np.ndarray
    newest: np.ndarray
    sums: dict[str, np.ndarray]

    def of_rows(self, rows: np.ndarray) -> "EdgeCounts":
        """The counts of some rows, in their order."""
        sums = {name: of_all[rows] for name, of_all in self.sums.items()}
        return EdgeCounts(self.counts[rows], self.newest[rows], sums)


class EdgeCounter:
    """Counts edges for all temporal degrees of one batch, so that no two of them search for the same edges.

    Attributes:
      times: when each candidate is asked for, in milliseconds, int64 `[num_candidates]`.
    """

    def __init__(self, store: GraphStore, requests: RequestBatch) -> None:
        self._store, self._requests = store, requests
        self._candidate_requests = requests.candidate_requests
        self.times = requests.times[self._candidate_requests]
        self._visible_rows: dict[tuple[str, str, float | None], tuple[np.ndarray, np.ndarray]] = {}
        self._shared_edges: dict[tuple[str, str], SharedEdges] = {}

    def count(
        self,
        of: Literal["user", "item"],
        edge_set: str,
        shared: Shared | None,
        windows: Collection[float | None],
        features: Collection[str] = (),
    ) -> dict[float | None, EdgeCounts]:
        """Counts by window, a row a candidate, the edges of its item or of its request's user; sums of `features`.

        With `shared`, only those of the edges that are so shared with the candidate: it looks at every edge that a user
        or an item may show to a request, a chunk of bounded size at a time.
        """
        if shared is not None:
            return self._count_shared(of, edge_set, shared, windows, features)
        counts = {window: self._count_rows(of, edge_set, window, features) for window in windows}
        if of == "item":
            return counts
        return {window: of_users.of_rows(self._candidate_requests) for window, of_users in counts.items()}

    def _rows(self, of: str, edge_set: str, window_seconds: float | None) -> tuple[np.ndarray, np.ndarray]:
        """The visible rows, int64 `[num_requests]` each of the requests' users or `[num_candidates]` of the items."""
        key = of, edge_set, window_seconds
        if key not in self._visible_rows:
            requests = self._requests
            nodes, times = (requests.items, self.times) if of == "item" else (requests.users, requests.times)
            self._visible_rows[key] = self._store.visible_rows(edge_set, nodes, times, window_seconds)
        return self._visible_rows[key]

    def _count_rows(
        self, of: str, edge_set: str, window_seconds: float | None, features: Collection[str]
    ) -> EdgeCounts:
        start, end = self._rows(of, edge_set, window_seconds)
        sums = {}
        if features:
            nodes = self._requests.items if of == "item" else self._requests.users
            rows = start if window_seconds is None else self._store.adjacency(edge_set).row_bounds(nodes)[0]
            sums = {name: self._store.edge_sums(edge_set, name).of_runs(rows, start, end) for name in features}
        return EdgeCounts(end - start, np.where(start < end, end - 1, -1), sums)

    def _count_shared(
        self, of: str, edge_set: str, shared: Shared, windows: Collection[float | None], features: Collection[str]
    ) -> dict[float | None, EdgeCounts]:
        edges, adjacency = self._shared_with_candidates(of, shared), self._store.adjacency(edge_set)
        rows = {window: self._rows(of, edge_set, window) for window in windows}
        starts = {window: start for window, (start, _) in rows.items()}
        end = next(iter(rows.values()))[1]
        counts = {window: np.zeros(len(edges.owners), np.int64) for window in windows}
        sums = {window: {name: np.zeros(len(edges.owners)) for name in features} for window in windows}
        newest = np.full(len(edges.owners), -1, np.int64)
        for pairs, positions in edges.find(edge_set, np.minimum.reduce(list(starts.values())), end):
            np.maximum.at(newest, pairs, positions)
            numbers = {name: adjacency.numbers(name, positions) for name in features}
            for window, start in starts.items():
                young = positions >= start[edges.owners[pairs]]
                np.add.at(counts[window], pairs[young], 1)
                # One by one in the order of the edges, so that a sum is the same however they come in chunks.
                for name, values in numbers.items():
                    np.add.at(sums[window][name], pairs[young], values[young])
        return {
            window: EdgeCounts(counts[window], np.where(counts[window], newest, -1), sums[window]).of_rows(edges.pairs)
            for window in windows
        }

    def _shared_with_candidates(self, of: str, shared: Shared) -> SharedEdges:
        # Its text stands for it: what holds a dict has no hash.
        key = of, str(shared)
        if key not in self._shared_edges:
            owners = np.arange(len(self._requests.items)) if of == "item" else self._candidate_requests
            self._shared_edges[key] = SharedEdges(owners, shared_keys(self._store, self._requests, shared))
        return self._shared_edges[key]
