"""Temporal degrees: exact counts of the edges that a request may see, and how long ago the newest of them was."""

from collections.abc import Mapping

import numpy as np

from tfgrec.config.tables import TemporalDegree
from tfgrec.errors import ConfigurationError
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store import GraphStore

_MILLISECONDS = 1000


def temporal_degrees(
    store: GraphStore, requests: RequestBatch, definitions: Mapping[str, TemporalDegree]
) -> dict[str, np.ndarray]:
    """Request features by name, float32 `[num_candidates]`, by binary search in time-sorted rows: nothing is sampled.

    An edge counts iff its time + feedback delay < t, and with a window of w seconds iff also t - w <= its time.
    `seconds_since_last` is t less the newest such edge's time, -1 where there is none.

    Raises:
      ConfigurationError: a definition has no edge set for the candidates' node set, or asks times of edges without.
    """
    rows: dict[tuple[str, str], _VisibleRows] = {}
    degrees = {}
    for name, definition in definitions.items():
        edge_set = _edge_set(name, definition, requests.item_node_set)
        key = definition.of, edge_set
        if key not in rows:
            rows[key] = _VisibleRows(store, requests, *key)
        values = rows[key].measure(name, definition)
        degrees[name] = values if definition.of == "item" else values[requests.candidate_requests]
    return degrees


class _VisibleRows:
    """The edges of one set that each request's user, or each candidate's item, may show to the request."""

    def __init__(self, store: GraphStore, requests: RequestBatch, of: str, edge_set: str) -> None:
        is_item = of == "item"
        self._nodes = requests.items if is_item else requests.users
        self._times = requests.times[requests.candidate_requests] if is_item else requests.times
        self._adjacency = store.adjacency(edge_set)
        self._start, self._end = self._adjacency.visible_bounds(
            self._nodes, self._times - store.feedback_delays[edge_set]
        )

    def measure(self, name: str, definition: TemporalDegree) -> np.ndarray:
        """Values of the definition, float32, one a node."""
        needs_times = definition.window_seconds is not None or definition.measure == "seconds_since_last"
        if needs_times and not self._adjacency.timed:
            raise ConfigurationError(f"temporal degree '{name}': the edges of '{definition.edge_set}' have no times")
        start = self._start
        if definition.window_seconds is not None:
            oldest = self._times - round(definition.window_seconds * _MILLISECONDS)
            # An edge hidden by its feedback delay can be younger than the window.
            start = np.minimum(self._adjacency.visible_end(self._nodes, oldest), self._end)
        if definition.measure == "count":
            return (self._end - start).astype(np.float32)
        return self._seconds_since_last(start)

    def _seconds_since_last(self, start: np.ndarray) -> np.ndarray:
        seconds = np.full(len(start), -1, np.float32)
        seen = np.flatnonzero(start < self._end)
        newest = self._adjacency.times(self._end[seen] - 1)
        seconds[seen] = (self._times[seen] - newest) / _MILLISECONDS
        return seconds


def _edge_set(name: str, definition: TemporalDegree, item_node_set: str) -> str:
    if isinstance(definition.edge_set, str):
        return definition.edge_set
    if item_node_set not in definition.edge_set:
        raise ConfigurationError(f"temporal degree '{name}': edge_set names none for node set '{item_node_set}'")
    return definition.edge_set[item_node_set]
