"""Edges that say what a row of a node table says of its node: when the row is told again, they are told again.

A product's brand, a video's tags: the row's newest word holds for its features, and for these edges as well. A log's
edges, or those of a list of friends, only ever grow.
"""

import dataclasses

from tfgrec.config.tables import EdgeSetSource, EdgeSource, TablesConfig, as_column
from tfgrec.graph.schema import SOURCE, TARGET, EdgeSet, GraphSchema


@dataclasses.dataclass(frozen=True)
class RowKey:
    """Whose rows an edge set's edges are: those of `node_set`, which is at the end `side` (SOURCE or TARGET)."""

    node_set: str
    side: str


def row_keyed_edge_sets(tables: TablesConfig, schema: GraphSchema) -> dict[str, RowKey]:
    """The edge sets, reverses included, whose edges all come from the rows of the nodes at one of their ends."""
    found: dict[str, RowKey] = {}
    for name, edge_set in tables.edge_sets.items():
        key = _key(edge_set, schema.edge_sets[name], tables)
        if key is None:
            continue
        found[name] = key
        swapped = RowKey(key.node_set, TARGET if key.side == SOURCE else SOURCE)
        found |= {other: swapped for other, of in tables.edge_sets.items() if of.reverse_of == name}
    return found


def _key(edge_set: EdgeSetSource, declared: EdgeSet, tables: TablesConfig) -> RowKey | None:
    for side, node_set in ((SOURCE, declared.source), (TARGET, declared.target)):
        if edge_set.sources and all(_is_row_of(source, side, node_set, tables) for source in edge_set.sources):
            return RowKey(node_set, side)
    return None


def _is_row_of(source: EdgeSource, side: str, node_set: str, tables: TablesConfig) -> bool:
    """Whether a node has one row at most in the edges' table, and an edge's end is that node."""
    nodes, end = tables.node_sets[node_set], source.source if side == SOURCE else source.target
    same_row = nodes.table == source.table and as_column(nodes.id) == as_column(end)
    return same_row and bool(nodes.features) and tables.tables[source.table].time is None
