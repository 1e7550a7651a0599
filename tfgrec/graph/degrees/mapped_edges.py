"""Maps what temporal degrees read, before the first request asks for it."""

from collections.abc import Iterable

from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.graph.degrees.last_edges import edge_number_mismatches
from tfgrec.graph.store.graph_store import GraphStore


def map_edges(store: GraphStore, definitions: Iterable[TemporalDegree]) -> None:
    """Maps the edge sets that definitions name, and makes the sums that they need. What is wrong is told when asked."""
    for definition in definitions:
        for name in (*definition.counted_edge_sets, *definition.joining_edge_sets):
            if name in store.schema.stored_edge_sets:
                store.adjacency(name)
        if definition.measure not in ("sum", "mean") or definition.shared_with_item is not None:
            continue
        for name in definition.counted_edge_sets:
            known = name in store.schema.stored_edge_sets
            if known and not any(edge_number_mismatches(store.schema, definition.feature, name)):
                store.edge_sums(name, definition.feature)
