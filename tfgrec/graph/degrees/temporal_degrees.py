"""Temporal degrees: exact counts and sums of the edges that a request may see, and what the newest of them were."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.errors import ConfigurationError
from tfgrec.graph.degrees.edge_counts import EdgeCounter, EdgeCounts
from tfgrec.graph.degrees.last_edges import LastEdges, edge_number_mismatches
from tfgrec.graph.degrees.over_keys import over_keys
from tfgrec.graph.degrees.shared_mismatches import shared_mismatches
from tfgrec.graph.degrees.through_mismatches import through_mismatches
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import GraphSchema
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
    return DegreePlan(store.schema, definitions, requests.item_node_set).count(store, requests)


class DegreePlan:
    """Definitions for candidates of one node set, checked and put together: those that count the same edges.

    Args:
      schema: of the graph.
      definitions: by the names of their features.
      item_node_set: the candidates' node set.

    Raises:
      ConfigurationError: see `temporal_degrees`.
    """

    def __init__(self, schema: GraphSchema, definitions: Mapping[str, TemporalDegree], item_node_set: str) -> None:
        self._names = list(definitions)
        groups: dict[tuple, dict[str, TemporalDegree]] = {}
        for name, definition in definitions.items():
            edge_set = _edge_set(schema, name, definition, item_node_set)
            shared, path = str(definition.shared_with_item), definition.path(item_node_set)
            by_key = path is not None or definition.over_keys is not None
            groups.setdefault((definition.of, edge_set, shared, str(path), by_key), {})[name] = definition
        self._groups = [
            _Group.make(edge_set, by_key, group, item_node_set) for (_, edge_set, _, _, by_key), group in groups.items()
        ]

    def count(self, store: GraphStore, requests: RequestBatch) -> dict[str, np.ndarray]:
        """What `temporal_degrees` returns for requests whose candidates are of the plan's node set."""
        counter = EdgeCounter(store, requests)
        degrees: dict[str, np.ndarray] = {}
        for group in self._groups:
            count = _over_keys if group.by_key else _of_candidates
            degrees |= count(store, counter, group)
        return {name: degrees[name].astype(np.float32) for name in self._names}


@dataclasses.dataclass(frozen=True)
class _Group:
    """Definitions that count the same edges, and the windows, features and places among the newest that they want."""

    edge_set: str
    by_key: bool
    members: Mapping[str, TemporalDegree]
    windows: list[float | None]
    summed: list[str]
    places: dict[float | None, list[int]]
    path: list[str] | None

    @classmethod
    def make(cls, edge_set: str, by_key: bool, members: Mapping[str, TemporalDegree], item_node_set: str) -> "_Group":
        definitions = list(members.values())
        windows = list(dict.fromkeys(definition.window_seconds for definition in definitions))
        of_edges = [definition for definition in definitions if definition.measure in _OF_ONE_EDGE]
        return cls(
            edge_set=edge_set,
            by_key=by_key,
            members=members,
            windows=windows,
            summed=sorted({definition.feature for definition in definitions if definition.measure in ("sum", "mean")}),
            places={
                window: sorted({definition.nth_last for definition in of_edges if definition.window_seconds == window})
                for window in windows
            },
            path=definitions[0].path(item_node_set),
        )

    @property
    def first(self) -> TemporalDegree:
        """One of the definitions, for what all have."""
        return next(iter(self.members.values()))


_OF_ONE_EDGE = ("seconds_since_last", "last_value")


def _of_candidates(store: GraphStore, counter: EdgeCounter, group: _Group) -> dict[str, np.ndarray]:
    """Degrees that differ in window, measure and feature alone."""
    first = group.first
    if first.shared_with_item is None and first.of == "user":
        # A user has one row for all candidates of a request.
        counts = counter.count_users(group.edge_set, group.windows, group.summed)
        measured = _measured(store, group, counts, counter.request_times)
        return {name: counter.of_candidates(values) for name, values in measured.items()}
    counts = counter.count(first.of, group.edge_set, first.shared_with_item, group.windows, group.summed)
    return _measured(store, group, counts, counter.times)


def _over_keys(store: GraphStore, counter: EdgeCounter, group: _Group) -> dict[str, np.ndarray]:
    """Degrees that differ in window, measure and feature, and in how they put keys together."""
    first = group.first
    if first.through is None:
        candidates, counts = counter.count_by_key(group.edge_set, first.shared_with_item, group.windows, group.summed)
    else:
        candidates, counts = counter.count_through(group.path, group.edge_set, group.windows, group.summed)
    measured = _measured(store, group, counts, counter.times[candidates])
    return {
        name: over_keys(measured[name], counts[definition.window_seconds], candidates, len(counter.times), definition)
        for name, definition in group.members.items()
    }


def _measured(
    store: GraphStore, group: _Group, counts: Mapping[float | None, EdgeCounts], times: np.ndarray
) -> dict[str, np.ndarray]:
    """What each definition measures, `[num_rows]` each, of rows that are asked for at `times`."""
    newest = {
        window: LastEdges(store.adjacency(group.edge_set), counts[window], places, times)
        for window, places in group.places.items()
        if places
    }
    measured = {}
    for name, definition in group.members.items():
        counted = counts[definition.window_seconds]
        if definition.measure == "count":
            measured[name] = counted.counts
        elif definition.measure == "sum":
            measured[name] = counted.sums[definition.feature]
        elif definition.measure == "mean":
            measured[name] = counted.means(definition.feature, definition.missing)
        elif definition.measure == "last_value":
            edges = newest[definition.window_seconds]
            measured[name] = edges.values(definition.nth_last, definition.feature, definition.missing)
        else:
            measured[name] = newest[definition.window_seconds].seconds_since(definition.nth_last)
    return measured


def _edge_set(schema: GraphSchema, name: str, definition: TemporalDegree, item_node_set: str) -> str:
    """The definition's edge set for items of a node set, found to have all that the definition asks for."""
    edge_set = definition.edge_set
    if isinstance(edge_set, dict):
        if item_node_set not in edge_set:
            raise ConfigurationError(f"temporal degree '{name}': edge_set names none for node set '{item_node_set}'")
        edge_set = edge_set[item_node_set]
    if definition.needs_times and not schema.edge_sets[edge_set].timed:
        raise ConfigurationError(f"temporal degree '{name}': the edges of '{edge_set}' have no times")
    mismatches = [
        *through_mismatches(schema, definition, edge_set, item_node_set),
        *shared_mismatches(schema, definition.shared_with_item, edge_set, item_node_set),
        *edge_number_mismatches(schema, definition.feature, edge_set),
    ]
    for mismatch in mismatches:
        raise ConfigurationError(f"temporal degree '{name}': {mismatch}")
    return edge_set
