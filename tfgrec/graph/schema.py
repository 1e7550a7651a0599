"""Node sets, edge sets and features as plain data: what Beam workers, the store and the sampler know of a schema."""

import dataclasses
from typing import Any, Literal

DType = Literal["int64", "float32", "string"]

ID = "#id"
TIME = "time"
# How many there are of a set, and the ends of edges, in stores and in records.
SIZE, SOURCE, TARGET = "#size", "#source", "#target"
READOUT = "_readout"
USER_READOUT = f"{READOUT}/user"
ITEM_READOUT = f"{READOUT}/item"
HISTORY = "history"


@dataclasses.dataclass(frozen=True)
class Feature:
    """A feature of shape `[num_items]`, or `[num_items, (num_values)]` where `multi_valued`."""

    dtype: DType
    multi_valued: bool = False


def history_node_set(edge_set: str) -> str:
    """The node set of records that lists the request user's newest edges of an edge set."""
    return f"{HISTORY}/{edge_set}"


def is_history(node_set: str) -> bool:
    """Whether a node set of records is a history."""
    return node_set.startswith(f"{HISTORY}/")


def history_edge_set(node_set: str) -> str:
    """The edge set whose edges a history node set lists.

    Raises:
      ValueError: the node set is no history.
    """
    if not is_history(node_set):
        raise ValueError(f"'{node_set}' is no history")
    return node_set.removeprefix(f"{HISTORY}/")


@dataclasses.dataclass(frozen=True)
class NodeSet:
    """A node set and its features, `#id` included.

    A history's nodes are events: edges of the edge set `of_edge_set`, which leads to node set `target`; their `#id` is
    the target's. Both are None for other node sets.
    """

    features: dict[str, Feature]
    of_edge_set: str | None = None
    target: str | None = None


@dataclasses.dataclass(frozen=True)
class EdgeSet:
    """An edge set from node set `source` to node set `target`, and its features, `time` included where it has one."""

    source: str
    target: str
    features: dict[str, Feature]

    @property
    def timed(self) -> bool:
        """Whether edges have a time, and are hidden from requests at or before it."""
        return TIME in self.features


@dataclasses.dataclass(frozen=True)
class GraphSchema:
    """A whole schema. `context` features are the request's own; names that begin with `_readout` are the readout's.

    Schemas of records may have histories besides, node sets whose names begin with `history/`, without edges.
    """

    context: dict[str, Feature]
    node_sets: dict[str, NodeSet]
    edge_sets: dict[str, EdgeSet]

    @property
    def stored_node_sets(self) -> dict[str, NodeSet]:
        """The node sets that live in the graph store."""
        return {name: nodes for name, nodes in self.node_sets.items() if name != READOUT and not is_history(name)}

    @property
    def history_node_sets(self) -> dict[str, NodeSet]:
        """The node sets of records that list a user's edges, see NodeSet."""
        return {name: nodes for name, nodes in self.node_sets.items() if is_history(name)}

    @property
    def stored_edge_sets(self) -> dict[str, EdgeSet]:
        """The edge sets that live in the graph store."""
        return {name: edges for name, edges in self.edge_sets.items() if not name.startswith(f"{READOUT}/")}

    def stores_the_same(self, other: "GraphSchema") -> bool:
        """Whether a graph store of one is one of the other: what belongs to requests does not count."""
        return (self.stored_node_sets, self.stored_edge_sets) == (other.stored_node_sets, other.stored_edge_sets)

    def item_readouts(self) -> dict[str, str]:
        """Item node set -> the readout edge set that ties its nodes to candidates."""
        return {edges.source: name for name, edges in self.edge_sets.items() if name.startswith(ITEM_READOUT)}

    def to_json(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        values = dataclasses.asdict(self)
        values["node_sets"] = {
            name: {key: value for key, value in nodes.items() if value is not None}
            for name, nodes in values["node_sets"].items()
        }
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "GraphSchema":
        """The schema that `to_json` wrote."""

        def features(of: dict[str, Any]) -> dict[str, Feature]:
            return {name: Feature(**feature) for name, feature in of.items()}

        return cls(
            context=features(values["context"]),
            node_sets={
                name: NodeSet(features(nodes["features"]), nodes.get("of_edge_set"), nodes.get("target"))
                for name, nodes in values["node_sets"].items()
            },
            edge_sets={
                name: EdgeSet(edges["source"], edges["target"], features(edges["features"]))
                for name, edges in values["edge_sets"].items()
            },
        )
