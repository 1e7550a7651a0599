"""Counts of the edges that requests may see: of users and items, and of what users share with candidate items."""

import dataclasses
from collections.abc import Collection

import numpy as np

from tfgrec.config.tables import Shared
from tfgrec.graph.degrees.shared_edges import SharedEdges
from tfgrec.graph.degrees.shared_keys import shared_keys
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore


@dataclasses.dataclass(frozen=True)
class EdgeCounts:
    """How many edges there are, and the position of the newest, -1 where there is none: int64 `[num_rows]` each."""

    counts: np.ndarray
    newest: np.ndarray

    def of_rows(self, rows: np.ndarray) -> "EdgeCounts":
        """The counts of some rows, in their order."""
        return EdgeCounts(self.counts[rows], self.newest[rows])


def count_edges(
    store: GraphStore, edge_set: str, nodes: np.ndarray, times: np.ndarray, window_seconds: float | None
) -> EdgeCounts:
    """Counts by binary search the edges of `nodes [num_rows]` that requests at `times [num_rows]` see."""
    start, end = store.visible_rows(edge_set, nodes, times, window_seconds)
    return EdgeCounts(end - start, np.where(start < end, end - 1, -1))


def count_shared_edges(
    store: GraphStore, requests: RequestBatch, edge_set: str, shared: Shared, windows: Collection[float | None]
) -> dict[float | None, EdgeCounts]:
    """Counts by window, a row a candidate, the edges of its request's user that are shared with the candidate.

    It looks at every edge that a user may show to a request, a chunk of bounded size at a time.
    """
    edges = SharedEdges(requests, shared_keys(store, requests, edge_set, shared))
    rows = {window: store.visible_rows(edge_set, requests.users, requests.times, window) for window in windows}
    starts = {window: start for window, (start, _) in rows.items()}
    end = next(iter(rows.values()))[1]
    counts = {window: np.zeros(len(edges.requests), np.int64) for window in windows}
    newest = np.full(len(edges.requests), -1, np.int64)
    for pairs, positions in edges.find(np.minimum.reduce(list(starts.values())), end):
        np.maximum.at(newest, pairs, positions)
        for window, start in starts.items():
            young = positions >= start[edges.requests[pairs]]
            np.add.at(counts[window], pairs[young], 1)
    return {
        window: EdgeCounts(counts[window], np.where(counts[window], newest, -1)).of_rows(edges.pairs)
        for window in windows
    }
