"""Temporal degrees: exact counts of the edges that a request may see, and how long ago the newest of them was."""

from collections.abc import Mapping

import numpy as np

from tfgrec.config.tables import TemporalDegree
from tfgrec.errors import ConfigurationError
from tfgrec.graph.degrees.edge_counts import EdgeCounter
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
    counter = EdgeCounter(store, requests)
    degrees = {}
    for (of, edge_set, _), group in groups.items():
        # They differ in window and measure alone.
        shared = next(iter(group.values())).shared_with_item
        windows = dict.fromkeys(definition.window_seconds for definition in group.values())
        counts = counter.count(of, edge_set, shared, windows)
        for name, definition in group.items():
            counted = counts[definition.window_seconds]
            if definition.measure == "count":
                degrees[name] = counted.counts.astype(np.float32)
            else:
                degrees[name] = _seconds_since(store, edge_set, counted.newest, counter.times)
    return {name: degrees[name] for name in definitions}


def _seconds_since(store: GraphStore, edge_set: str, newest: np.ndarray, times: np.ndarray) -> np.ndarray:
    seconds = np.full(len(newest), -1, np.float32)
    seen = np.flatnonzero(newest >= 0)
    seconds[seen] = (times[seen] - store.adjacency(edge_set).times(newest[seen])) / _MILLISECONDS
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
