"""Counts and sums of the edges that requests may see: of users and items, and of those that go with the candidate."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np

from tfgrec.config.temporal_degrees import Shared, SharedNeighbour
from tfgrec.graph.degrees.key_edges import KeyEdges
from tfgrec.graph.degrees.shared_edges import SharedEdges
from tfgrec.graph.degrees.shared_keys import SharedKeys, shared_keys
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

    def means(self, feature: str, missing: float) -> np.ndarray:
        """Means of a summed feature, float64 `[num_rows]`; `missing` where there is no edge."""
        return np.where(self.counts, self.sums[feature] / np.maximum(self.counts, 1), missing)


class EdgeCounter:
    """Counts edges for all temporal degrees of one batch, so that no two of them search for the same edges.

    Attributes:
      times: when each candidate is asked for, in milliseconds, int64 `[num_candidates]`.
      request_times: when each request is asked, int64 `[num_requests]`.
    """

    def __init__(self, store: GraphStore, requests: RequestBatch) -> None:
        self._store, self._requests = store, requests
        self._candidate_requests = requests.candidate_requests
        self.times, self.request_times = requests.times[self._candidate_requests], requests.times
        # As many candidates as requests would not do: a request may have none.
        self._one_each = bool((np.diff(requests.candidate_splits) == 1).all())
        self._visible_rows: dict[tuple[str, str, float | None], tuple[np.ndarray, np.ndarray]] = {}
        self._shared_keys: dict[str, SharedKeys] = {}
        self._shared_edges: dict[tuple[str, str, bool], SharedEdges] = {}
        self._key_edges: dict[tuple[str, ...], KeyEdges] = {}

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
            edges = self._shared_with_candidates(of, shared, by_key=False)
            counts = self._count_shared(edges, of, edge_set, windows, features)
            return {window: of_groups.of_rows(edges.groups) for window, of_groups in counts.items()}
        if of == "user":
            counts = self.count_users(edge_set, windows, features)
            return {window: of_users.of_rows(self._candidate_requests) for window, of_users in counts.items()}
        return {window: self._count_rows(of, edge_set, window, features) for window in windows}

    def count_users(
        self, edge_set: str, windows: Collection[float | None], features: Collection[str] = ()
    ) -> dict[float | None, EdgeCounts]:
        """Counts by window, a row a request, the edges of its user; sums of `features`."""
        return {window: self._count_rows("user", edge_set, window, features) for window in windows}

    def of_candidates(self, values: np.ndarray) -> np.ndarray:
        """Values of the requests as those of their candidates."""
        return values if self._one_each else values[self._candidate_requests]

    def count_by_key(
        self,
        edge_set: str,
        shared: SharedNeighbour,
        windows: Collection[float | None],
        features: Collection[str] = (),
    ) -> tuple[np.ndarray, dict[float | None, EdgeCounts]]:
        """The candidate of each row, int64 `[num_candidate_keys]` ascending, and counts by window.

        A row is a candidate and one of its keys, and counts those of its user's edges that go with this key.
        """
        edges = self._shared_with_candidates("user", shared, by_key=True)
        counts = self._count_shared(edges, "user", edge_set, windows, features)
        return edges.candidates, {window: of_groups.of_rows(edges.groups) for window, of_groups in counts.items()}

    def count_through(
        self,
        path: Sequence[str],
        edge_set: str,
        windows: Collection[float | None],
        features: Collection[str] = (),
    ) -> tuple[np.ndarray, dict[float | None, EdgeCounts]]:
        """As `count_by_key`, where a row counts the edges that leave a key of the candidate, or the key's items."""
        key = tuple(path)
        if key not in self._key_edges:
            self._key_edges[key] = KeyEdges(self._store, self._requests, path)
        edges = self._key_edges[key]
        counts = {window: EdgeCounts(*edges.count(edge_set, window, features)) for window in windows}
        return edges.candidates, {window: of_groups.of_rows(edges.groups) for window, of_groups in counts.items()}

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
        self,
        edges: SharedEdges,
        of: str,
        edge_set: str,
        windows: Collection[float | None],
        features: Collection[str],
    ) -> dict[float | None, EdgeCounts]:
        """Counts by window, a row a group of the shared edges."""
        adjacency = self._store.adjacency(edge_set)
        rows = {window: self._rows(of, edge_set, window) for window in windows}
        starts = {window: start for window, (start, _) in rows.items()}
        end = next(iter(rows.values()))[1]
        counts = {window: np.zeros(len(edges.owners), np.int64) for window in windows}
        sums = {window: {name: np.zeros(len(edges.owners)) for name in features} for window in windows}
        newest = np.full(len(edges.owners), -1, np.int64)
        for groups, positions in edges.find(edge_set, np.minimum.reduce(list(starts.values())), end):
            np.maximum.at(newest, groups, positions)
            numbers = {name: adjacency.numbers(name, positions) for name in features}
            for window, start in starts.items():
                young = positions >= start[edges.owners[groups]]
                np.add.at(counts[window], groups[young], 1)
                # One by one in the order of the edges, so that a sum is the same however they come in chunks.
                for name, values in numbers.items():
                    np.add.at(sums[window][name], groups[young], values[young])
        return {
            window: EdgeCounts(counts[window], np.where(counts[window], newest, -1), sums[window]) for window in windows
        }

    def _shared_with_candidates(self, of: str, shared: Shared, *, by_key: bool) -> SharedEdges:
        # Its text stands for it: what holds a dict has no hash.
        key = of, str(shared), by_key
        if key not in self._shared_edges:
            owners = np.arange(len(self._requests.items)) if of == "item" else self._candidate_requests
            if key[1] not in self._shared_keys:
                self._shared_keys[key[1]] = shared_keys(self._store, self._requests, shared)
            self._shared_edges[key] = SharedEdges(owners, self._shared_keys[key[1]], by_key=by_key)
        return self._shared_edges[key]
