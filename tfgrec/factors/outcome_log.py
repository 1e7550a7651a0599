"""The outcomes of a graph's edges from users to items, laid out as columns."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfgrec.close_match import suggestion
from tfgrec.errors import ConfigurationError
from tfgrec.graph.edge_numbers import is_edge_number
from tfgrec.graph.schema import USER_READOUT, GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.ranges import flat


@dataclasses.dataclass(frozen=True)
class OutcomeLog:
    """Edges of several edge sets whose items have one numbering.

    Attributes:
      users: dense ids of the users, int64 `[num_edges]`.
      items: numbers of the items, int64 `[num_edges]`: those of each node set after those of the one before.
      visible_from: milliseconds since 1970, int64 `[num_edges]`; requests later than that see the edge.
      outcomes: float64 `[num_edges]`.
      num_users: of the graph.
      first_item: `{node set: number of its first item}`.
      num_items: of all node sets.
    """

    users: np.ndarray
    items: np.ndarray
    visible_from: np.ndarray
    outcomes: np.ndarray
    num_users: int
    first_item: dict[str, int]
    num_items: int

    def seen_at(self, time: int) -> "OutcomeLog":
        """The part that a request at `time`, milliseconds since 1970, sees."""
        seen = self.visible_from < time
        columns = {name: getattr(self, name)[seen] for name in ("users", "items", "visible_from", "outcomes")}
        return dataclasses.replace(self, **columns)


def read_outcome_log(store: GraphStore, outcomes: Mapping[str, str]) -> OutcomeLog:
    """Reads `{edge set: its number that is the outcome}`; an edge whose number is not finite is left out.

    Raises:
      ConfigurationError: names an edge set that leads from another node set than the users' or to no candidates, or has
        no times, or of which the outcome is no number.
    """
    schemas = {name: store.schema.edge_sets[name] for name in outcomes}
    for name, feature in outcomes.items():
        _check(store.schema, name, feature)
    first_item, num_items = {}, 0
    for node_set in sorted({edges.target for edges in schemas.values()}):
        first_item[node_set], num_items = num_items, num_items + store.num_nodes(node_set)
    parts = [_columns(store, name, feature, first_item[schemas[name].target]) for name, feature in outcomes.items()]
    users, items, visible_from, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    num_users = store.num_nodes(_users(store.schema))
    return OutcomeLog(users, items, visible_from, values, num_users, first_item, num_items)


def _users(schema: GraphSchema) -> str:
    return schema.edge_sets[USER_READOUT].source


def _check(schema: GraphSchema, edge_set: str, feature: str) -> None:
    key, edges = f"model.match.factors.outcomes.{edge_set}", schema.edge_sets[edge_set]
    users, items = _users(schema), schema.item_readouts()
    if edges.source != users or edges.target not in items:
        raise ConfigurationError(
            f"{key}: leads from '{edges.source}' to '{edges.target}': expected edges from '{users}' to candidates "
            f"({', '.join(sorted(items))})"
        )
    if not edges.timed:
        raise ConfigurationError(f"{key}: its edges have no times: what a request sees is not known")
    numbers = [name for name, of in sorted(edges.features.items()) if is_edge_number(name, of)]
    if feature not in numbers:
        raise ConfigurationError(f"{key}: '{feature}' is no number of its edges: {suggestion(feature, numbers)}")


def _columns(store: GraphStore, edge_set: str, feature: str, first_item: int) -> tuple[np.ndarray, ...]:
    edges = store.adjacency(edge_set)
    users, positions = flat(*edges.row_bounds(np.arange(store.num_nodes(store.schema.edge_sets[edge_set].source))))
    outcomes = edges.numbers(feature, positions)
    finite = np.isfinite(outcomes)
    users, positions = users[finite], positions[finite]
    visible_from = edges.times(positions) + store.feedback_delays[edge_set]
    return users, edges.targets(positions) + first_item, visible_from, outcomes[finite]
