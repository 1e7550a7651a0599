"""Temporal degrees as computed request features."""

from collections.abc import Iterator, Mapping

from tfgrec.config.tables import TablesConfig
from tfgrec.config.temporal_degrees import SharedFeature, TemporalDegree
from tfgrec.graph.computed.kind import ComputedKind, Plan, Recount, Side
from tfgrec.graph.degrees.degree_mismatches import temporal_degree_mismatches
from tfgrec.graph.degrees.mapped_edges import map_edges
from tfgrec.graph.degrees.recounted_degrees import RequestRecount
from tfgrec.graph.degrees.temporal_degrees import DegreePlan
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore


class TemporalDegrees(ComputedKind):
    """Exact counts, sums, means and last values of the edges that a request may see, see TemporalDegree."""

    section = "temporal_degrees"

    def mismatches(self, schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
        """Edge sets, edge features, paths and request features that are not there."""
        return temporal_degree_mismatches(schema, tables)

    def plan(self, schema: GraphSchema, definitions: Mapping[str, TemporalDegree], item_node_set: str) -> Plan:
        """Those that count the same edges count them once."""
        return DegreePlan(schema, definitions, item_node_set)

    def absent(self, definition: TemporalDegree) -> float:
        """0, or `missing`."""
        return definition.without_edges

    def own_side(self, definition: TemporalDegree) -> Side | None:
        """None of what a user shares with an item."""
        return definition.of if definition.shared_with_item is None else None

    def recount(self, store: GraphStore, delays: Mapping[str, int], time: int) -> Recount:
        """Looks at every edge of a node."""
        return RequestRecount(store, delays, time).degree

    def map_files(self, store: GraphStore, definitions: Mapping[str, TemporalDegree]) -> None:
        """The edges that are counted, and sums of their numbers."""
        map_edges(store, definitions.values())

    def read_features(self, definition: TemporalDegree) -> set[str]:
        """That which edges are compared with."""
        shared = definition.shared_with_item
        return {shared.request_feature} if isinstance(shared, SharedFeature) else set()

    def aged_edge_sets(self, definition: TemporalDegree) -> list[str]:
        """Of `seconds_since_last`."""
        return definition.counted_edge_sets if definition.measure == "seconds_since_last" else []

    def is_added_up(self, definition: TemporalDegree) -> bool:
        """Sums and means, of edges or over keys."""
        return definition.measure in ("sum", "mean") or definition.over_keys == "mean"

    def lowest(self, definition: TemporalDegree) -> float | None:
        """Of counts and ages."""
        return definition.without_edges if definition.measure in ("count", "seconds_since_last") else None

    def grows(self, definition: TemporalDegree) -> bool:
        """A sum grows with the log."""
        return definition.measure == "sum"
