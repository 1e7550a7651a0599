"""Temporal degrees: exact counts of the edges that a request may see, and how long ago the newest of them was."""

from collections.abc import Mapping

import numpy as np

from tfgrec.config.tables import TemporalDegree
from tfgrec.errors import ConfigurationError
from tfgrec.graph.degrees.edge_counts import EdgeCounts, count_edges, count_shared_edges
from tfgrec.graph.degrees.shared_mismatches import shared_mismatches
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore

_MILLISECONDS = 1000


def temporal_degrees(
    store: GraphStore, requests: RequestBatch, definitions: Mapping[str, TemporalDegree]
) -> dict[str, np.ndarray]:
    """Request features by name, float32 `[num_candidates]`, exact: nothing is sampled.

    An edge counts iff its time + feedback delay < t, and with a window of w seconds iff also t - w <= its time.
    `seconds_since_last` is t less the newest such edge's time, -1 where there is none.

    Raises:
      ConfigurationError: a definition has no edge set for the candidates' node set, asks times of edges without, or
        shares with items what the graph does not have.
    """
    groups: dict[tuple[str, ...], dict[str, TemporalDegree]] = {}
    for name, definition in definitions.items():
        edge_set = _edge_set(store, name, definition, requests.item_node_set)
        key = definition.of, edge_set, str(definition.shared_with_item)
        groups.setdefault(key, {})[name] = definition
    degrees = {}
    for (_, edge_set, _), group in groups.items():
        counts = _counts(store, requests, edge_set, list(group.values()))
        for name, definition in group.items():
            counted = counts[definition.window_seconds]
            if definition.measure == "count":
                degrees[name] = counted.counts.astype(np.float32)
            else:
                degrees[name] = _seconds_since(store, requests, edge_set, counted.newest)
    return {name: degrees[name] for name in definitions}


def _counts(
    store: GraphStore, requests: RequestBatch, edge_set: str, group: list[TemporalDegree]
) -> dict[float | None, EdgeCounts]:
    """Counts by window, a row a candidate, for definitions that differ in window and measure alone."""
    windows = dict.fromkeys(definition.window_seconds for definition in group)
    of_candidate = requests.candidate_requests
    if group[0].shared_with_item is not None:
        return count_shared_edges(store, requests, edge_set, group[0].shared_with_item, windows)
    if group[0].of == "item":
        times = requests.times[of_candidate]
        return {window: count_edges(store, edge_set, requests.items, times, window) for window in windows}
    return {
        window: count_edges(store, edge_set, requests.users, requests.times, window).of_rows(of_candidate)
        for window in windows
    }


def _seconds_since(store: GraphStore, requests: RequestBatch, edge_set: str, newest: np.ndarray) -> np.ndarray:
    seconds = np.full(requests.num_candidates, -1, np.float32)
    seen = np.flatnonzero(newest >= 0)
    times = requests.times[requests.candidate_requests[seen]]
    seconds[seen] = (times - store.adjacency(edge_set).times(newest[seen])) / _MILLISECONDS
    return seconds


def _edge_set(store: GraphStore, name: str, definition: TemporalDegree, item_node_set: str) -> str:
    """The definition's edge set for items of a node set, found to have all that the definition asks for."""
    edge_set = definition.edge_set
    if isinstance(edge_set, dict):
        if item_node_set not in edge_set:
            raise ConfigurationError(f"temporal degree '{name}': edge_set names none for node set '{item_node_set}'")
        edge_set = edge_set[item_node_set]
    needs_times = definition.window_seconds is not None or definition.measure == "seconds_since_last"
    if needs_times and not store.schema.edge_sets[edge_set].timed:
        raise ConfigurationError(f"temporal degree '{name}': the edges of '{edge_set}' have no times")
    for mismatch in shared_mismatches(store.schema, definition.shared_with_item, edge_set, item_node_set):
        raise ConfigurationError(f"temporal degree '{name}': {mismatch}")
    return edge_set
