"""Compares the derived edge sets of a tables.yaml with graph.pbtxt and with what they are derived from."""

from collections.abc import Iterator

from tfgrec.close_match import suggestion
from tfgrec.config.tables import DerivedEdges, TablesConfig, reverse_edge_set
from tfgrec.graph.derived.derived_edges import WEIGHT
from tfgrec.graph.schema import TIME, USER_READOUT, Feature, GraphSchema

_FEATURES = {TIME: Feature("int64"), WEIGHT: Feature("float32")}


def derived_mismatches(name: str, derived: DerivedEdges, schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    """What does not fit in the derived edge set `name`, which is in graph.pbtxt."""
    where, edge_set = f"edge_sets.{name}.derived", schema.edge_sets[name]
    if dict(edge_set.features) != _FEATURES:
        described = {feature: of.dtype for feature, of in edge_set.features.items()}
        yield (
            f"{where}: a derived edge set has the features '{TIME}' (int64) and '{WEIGHT}' (float32) in graph.pbtxt, "
            f"received {described}"
        )
    for key, base, end, node_set in zip(
        ("from", "to"), derived.base, ("source", "target"), (edge_set.source, edge_set.target), strict=True
    ):
        problems = list(_base_mismatches(f"{where}.{key}", base, schema, tables))
        yield from problems
        if not problems and schema.edge_sets[base].target != node_set:
            yield (
                f"{where}.{key}: '{base}' leads to node set '{schema.edge_sets[base].target}', but the {end} of "
                f"'{name}' in graph.pbtxt is '{node_set}'"
            )
    if derived.from_ in tables.edge_sets and reverse_edge_set(tables, derived.from_) is None:
        yield f"{where}.from: '{derived.from_}' needs an edge set that is its reverse (reverse_of: {derived.from_})"


def _base_mismatches(where: str, base: str, schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
    if base not in schema.stored_edge_sets or base not in tables.edge_sets:
        yield f"{where}: unknown edge set '{base}': {suggestion(base, schema.stored_edge_sets)}"
        return
    user_set, edge_set = schema.edge_sets[USER_READOUT].source, schema.edge_sets[base]
    if edge_set.source != user_set:
        yield f"{where}: '{base}' leaves node set '{edge_set.source}': edges are derived from those of '{user_set}'"
    if not edge_set.timed:
        yield f"{where}: the edges of '{base}' have no times"
    if tables.edge_sets[base].derived is not None:
        yield f"{where}: '{base}' is derived itself: name an edge set that has sources"
