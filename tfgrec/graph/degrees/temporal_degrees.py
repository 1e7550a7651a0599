"""Temporal degrees: exact counts and sums of the edges that a request may see, and what the newest of them were."""

from collections.abc import Mapping

import numpy as np

from tfgrec.config.tables import TemporalDegree
from tfgrec.errors import ConfigurationError
from tfgrec.graph.degrees.edge_counts import EdgeCounter, EdgeCounts
from tfgrec.graph.degrees.last_edges import edge_number_mismatches, edge_values, nth_last, seconds_since
from tfgrec.graph.degrees.over_keys import over_keys
from tfgrec.graph.degrees.shared_mismatches import shared_mismatches
from tfgrec.graph.degrees.through_mismatches import through_mismatches
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore


def temporal_degrees(
    store: GraphStore, requests: RequestBatch, definitions: Mapping[str, TemporalDegree]
) -> dict[str, np.ndarray]:
    """Request features by name, float32 `[num_candidates]`, exact: nothing is sampled.

    An edge counts iff its time + feedback delay < t, and with a window of w seconds iff also t - w <= its time.
    `sum` and `mean` are of a number of such edges. `seconds_since_last` is t less the newest one's time, `last_value` a
    number that this edge has (with `nth_last`, of an edge before it). Where there is none, see `TemporalDegree`.

    Raises:
      ConfigurationError: a definition has no edge set for the candidates' node set, asks times or numbers of edges
        without, or shares with items what the graph does not have.
    """
    groups: dict[tuple, dict[str, TemporalDegree]] = {}
    for name, definition in definitions.items():
        edge_set = _edge_set(store, name, definition, requests.item_node_set)
        shared, path = str(definition.shared_with_item), definition.path(requests.item_node_set)
        by_key = path is not None or definition.over_keys is not None
        groups.setdefault((definition.of, edge_set, shared, str(path), by_key), {})[name] = definition
    counter = EdgeCounter(store, requests)
    degrees = {}
    for (_, edge_set, _, _, by_key), group in groups.items():
        if by_key:
            degrees |= _over_keys(store, counter, edge_set, group, requests.item_node_set)
        else:
            degrees |= _of_candidates(store, counter, edge_set, group)
    return {name: degrees[name].astype(np.float32) for name in definitions}


def _of_candidates(
    store: GraphStore, counter: EdgeCounter, edge_set: str, group: Mapping[str, TemporalDegree]
) -> dict[str, np.ndarray]:
    """Degrees that differ in window, measure and feature alone."""
    first = next(iter(group.values()))
    counts = counter.count(first.of, edge_set, first.shared_with_item, *_wanted(group))
    return {
        name: _measured(store, edge_set, definition, counts[definition.window_seconds], counter.times)
        for name, definition in group.items()
    }


def _over_keys(
    store: GraphStore, counter: EdgeCounter, edge_set: str, group: Mapping[str, TemporalDegree], item_node_set: str
) -> dict[str, np.ndarray]:
    """Degrees that differ in window, measure and feature, and in how they put keys together."""
    first = next(iter(group.values()))
    if first.through is None:
        candidates, counts = counter.count_by_key(edge_set, first.shared_with_item, *_wanted(group))
    else:
        candidates, counts = counter.count_through(first.path(item_node_set), edge_set, *_wanted(group))
    degrees = {}
    for name, definition in group.items():
        counted = counts[definition.window_seconds]
        values = _measured(store, edge_set, definition, counted, counter.times[candidates])
        degrees[name] = over_keys(values, counted, candidates, len(counter.times), definition)
    return degrees


def _wanted(group: Mapping[str, TemporalDegree]) -> tuple[list[float | None], list[str]]:
    """The windows and the summed features of all definitions."""
    windows = dict.fromkeys(definition.window_seconds for definition in group.values())
    features = {definition.feature for definition in group.values() if definition.measure in ("sum", "mean")}
    return list(windows), sorted(features)


def _measured(
    store: GraphStore, edge_set: str, definition: TemporalDegree, counted: EdgeCounts, times: np.ndarray
) -> np.ndarray:
    if definition.measure == "count":
        return counted.counts
    if definition.measure == "sum":
        return counted.sums[definition.feature]
    if definition.measure == "mean":
        return counted.means(definition.feature, definition.missing)
    edges, positions = store.adjacency(edge_set), nth_last(counted, definition.nth_last)
    if definition.measure == "last_value":
        return edge_values(edges, positions, definition.feature, definition.missing)
    return seconds_since(edges, positions, times)


def _edge_set(store: GraphStore, name: str, definition: TemporalDegree, item_node_set: str) -> str:
    """The definition's edge set for items of a node set, found to have all that the definition asks for."""
    edge_set = definition.edge_set
    if isinstance(edge_set, dict):
        if item_node_set not in edge_set:
            raise ConfigurationError(f"temporal degree '{name}': edge_set names none for node set '{item_node_set}'")
        edge_set = edge_set[item_node_set]
    if definition.needs_times and not store.schema.edge_sets[edge_set].timed:
        raise ConfigurationError(f"temporal degree '{name}': the edges of '{edge_set}' have no times")
    mismatches = [
        *through_mismatches(store.schema, definition, edge_set, item_node_set),
        *shared_mismatches(store.schema, definition.shared_with_item, edge_set, item_node_set),
        *edge_number_mismatches(store.schema, definition.feature, edge_set),
    ]
    for mismatch in mismatches:
        raise ConfigurationError(f"temporal degree '{name}': {mismatch}")
    return edge_set
