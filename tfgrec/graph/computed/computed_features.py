"""The list of kinds of computed request features, and the features of a tables.yaml, each with its kind."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgrec.config.tables import Requests
from tfgrec.graph.computed.kind import ComputedKind, Plan, Side
from tfgrec.graph.computed.temporal_degrees import TemporalDegrees
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

KINDS: tuple[ComputedKind, ...] = (TemporalDegrees(),)


@dataclasses.dataclass(frozen=True)
class ComputedFeature:
    """A definition of tables.yaml and its kind, which knows what to make of it."""

    kind: ComputedKind
    definition: Any

    @property
    def absent(self) -> float:
        """The value where the graph has nothing to tell."""
        return self.kind.absent(self.definition)


def computed_features(requests: Requests, *, own: Side | None = None) -> dict[str, ComputedFeature]:
    """All computed features by name; `own`: those that the side has by itself."""
    features = {
        name: ComputedFeature(kind, definition)
        for kind in KINDS
        for name, definition in getattr(requests, kind.section).items()
    }
    return {
        name: feature
        for name, feature in features.items()
        if own is None or feature.kind.own_side(feature.definition) == own
    }


class ComputedPlan:
    """Features of all kinds put together, for candidates of one node set.

    Args:
      schema: of the graph.
      features: by name.
      item_node_set: the candidates' node set.

    Raises:
      ConfigurationError: a definition asks for what the schema does not have.
    """

    def __init__(self, schema: GraphSchema, features: Mapping[str, ComputedFeature], item_node_set: str) -> None:
        self._plans: list[Plan] = [
            kind.plan(schema, definitions, item_node_set) for kind, definitions in _by_kind(features).items()
        ]

    def count(self, store: GraphStore, requests: RequestBatch) -> dict[str, np.ndarray]:
        """Features by name, float32 `[num_candidates]`, of requests whose candidates are of the plan's node set."""
        counted: dict[str, np.ndarray] = {}
        for plan in self._plans:
            counted |= plan.count(store, requests)
        return counted


def map_files(store: GraphStore, features: Mapping[str, ComputedFeature]) -> None:
    """Maps the files that features of all kinds need of a store, before the first request asks for them."""
    for kind, definitions in _by_kind(features).items():
        kind.map_files(store, definitions)


def _by_kind(features: Mapping[str, ComputedFeature]) -> dict[ComputedKind, dict[str, Any]]:
    found: dict[ComputedKind, dict[str, Any]] = {}
    for name, feature in features.items():
        found.setdefault(feature.kind, {})[name] = feature.definition
    return found
