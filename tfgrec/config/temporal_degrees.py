"""What tables.yaml says of temporal degrees: exact counts, sums and values of the edges that a request may see."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tfgrec.config.base import FrozenConfig
from tfgrec.config.each import written_out


class SharedNeighbour(FrozenConfig):
    """The edge's target and the candidate have a neighbour in common along `edge_set`, for example their author.

    Attributes:
      edge_set: one name that leaves both node sets, or `{node set: name}` where they differ.
    """

    edge_set: str | dict[str, str]

    def leaving(self, node_set: str) -> str | None:
        """The edge set that leaves a node set, None where there is no name for it."""
        return self.edge_set if isinstance(self.edge_set, str) else self.edge_set.get(node_set)


class SharedFeature(FrozenConfig):
    """The edge has the value that the candidate's request has, for example the same hour.

    Attributes:
      edge_feature: a feature of the edge.
      request_feature: a feature of requests.
    """

    edge_feature: str
    request_feature: str


def _kind_of_shared(value: object) -> str:
    """The kind that a value is meant to be, so that one mistake is told once."""
    if isinstance(value, SharedFeature) or (
        isinstance(value, dict) and {"edge_feature", "request_feature"} & set(value)
    ):
        return "feature"
    return "neighbour" if isinstance(value, SharedNeighbour | dict) else "item"


Shared = Annotated[
    Annotated[Literal["item"], Tag("item")]
    | Annotated[SharedNeighbour, Tag("neighbour")]
    | Annotated[SharedFeature, Tag("feature")],
    Discriminator(_kind_of_shared),
]


def _as_path(value: object) -> object:
    """One name is a path of one step."""
    return [value] if isinstance(value, str) else value


EdgePath = Annotated[list[str], Field(min_length=1, max_length=2), BeforeValidator(_as_path)]
Through = Annotated[
    Annotated[EdgePath, Tag("path")] | Annotated[dict[str, EdgePath], Tag("by_node_set")],
    Discriminator(lambda value: "by_node_set" if isinstance(value, dict) else "path"),
]
OverKeys = Literal["sum", "mean", "best", "worst"]

NO_EDGE = -1.0
"""What a degree that is neither a count nor a sum is where there is no such edge."""


class TemporalDegree(FrozenConfig):
    """What the request may see of a node's edges, exactly: their count, a sum, or something of one of the newest.

    `of` is the request's user or the candidate item. `edge_set` is one name, or item node set -> name where
    candidates come from several node sets. `window_seconds` lets only the edges that young count.

    `measure: count` counts edges; `sum` and `mean` are of their number `feature`, summed as float64. Where there is no
    edge, count and sum are 0 and a mean is `missing` (-1): choose a number that no mean has, since no feature is NaN.
    `seconds_since_last` is the age of the newest edge, -1 where there is none; `last_value` its number `feature`,
    `missing` where there is none. With `nth_last: 2` both are told of the edge before the newest, and so on; a list
    such as `nth_last: [1, 2, 3]` stands for one degree each, named `<name>_1`, `<name>_2`, `<name>_3`.

    With `shared_with_item` only some of the user's edges count: with `item` those that lead to the candidate item. Of
    the item's edges those can be chosen that have one of the candidate's request features.

    With `through`, for `of: item`, the edges are not the item's own but those of its keys, the nodes that it leads to
    along that edge set: its director's. Where `edge_set` leaves items, `through` has two steps, to the keys and from
    each key to its items: `[directed_by, directed]` and `liked_by` count what all films of the director got, the
    candidate included. Every step shows what the request may see. Item node set -> path where paths differ.

    A candidate may have several keys: neighbours along `shared_with_item.edge_set` or `through`, such as its genres. A
    user's edge that goes with any of them counts once; with `through`, the edges of all keys count, one that several
    keys have for each. With `over_keys` there is a value for each key, and the degree is their sum, their mean, the
    best or the worst: the largest or the smallest, but of ages the best is that of the newest edge. A key without an
    edge has count and sum 0, and no mean and no age. Without any key the degree is as without an edge.

    Attributes:
      of: `user`, the request's, or `item`, the candidate.
      edge_set: whose edges: one name, or `{item node set: name}`.
      window_seconds: how old an edge may be to count; null for any age.
      measure: `count`, `sum`, `mean`, `seconds_since_last` or `last_value`.
      feature: which number of the edges `sum`, `mean` and `last_value` are of.
      missing: what `mean` and `last_value` are where there is no edge.
      nth_last: 2: `seconds_since_last` and `last_value` of the edge before the newest, and so on; a list stands for one
        degree each.
      shared_with_item: of the user's edges only those that go with the candidate: `item`, `{edge_set: ...}` or
        `{edge_feature: ..., request_feature: ...}`.
      through: the path from the candidate to the keys whose edges count, of one or two edge sets.
      over_keys: one value of those of several keys: `sum`, `mean`, `best` or `worst`.
    """

    of: Literal["user", "item"]
    edge_set: str | dict[str, str]
    window_seconds: float | None = Field(default=None, gt=0)
    measure: Literal["count", "sum", "mean", "seconds_since_last", "last_value"] = "count"
    feature: str | None = None
    missing: float = Field(default=NO_EDGE, allow_inf_nan=False)
    nth_last: int = Field(default=1, ge=1)
    shared_with_item: Shared | None = None
    through: Through | None = None
    over_keys: OverKeys | None = None

    @model_validator(mode="after")
    def _keys_with_values(self) -> "TemporalDegree":
        if self.through is not None and (self.of == "user" or self.shared_with_item is not None):
            raise ValueError("through goes with of: item, without shared_with_item")
        if self.over_keys is None and self.through is None:
            return self
        if self.through is None and not isinstance(self.shared_with_item, SharedNeighbour):
            raise ValueError("over_keys goes with shared_with_item: {edge_set: ...} or with through")
        if self.measure == "last_value" or self.nth_last > 1:
            raise ValueError("over_keys and through go with count, sum, mean and seconds_since_last, without nth_last")
        if self.over_keys == "sum" and self.measure not in ("count", "sum"):
            raise ValueError("over_keys: sum goes with measure: count and sum; for others take best, worst or mean")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> "TemporalDegree":
        if self.of == "item" and not isinstance(self.shared_with_item, SharedFeature | None):
            raise ValueError("with of: item, shared_with_item can only be of an edge_feature and a request_feature")
        if (self.feature is None) == (self.measure in ("sum", "mean", "last_value")):
            raise ValueError(
                "measure: sum, mean and last_value need the name of an edge `feature`, and no other measure reads one"
            )
        if self.missing != NO_EDGE and self.measure not in ("mean", "last_value"):
            raise ValueError("missing goes with measure: mean and last_value")
        of_one_edge = self.measure in ("seconds_since_last", "last_value")
        if self.nth_last > 1 and (not of_one_edge or self.shared_with_item is not None):
            raise ValueError("nth_last goes with seconds_since_last and last_value, without shared_with_item")
        return self

    def path(self, item_node_set: str) -> list[str] | None:
        """The steps of `through` from items of a node set; None where there are none."""
        return self.through.get(item_node_set) if isinstance(self.through, dict) else self.through

    @property
    def counted_edge_sets(self) -> list[str]:
        """The edge sets whose edges are counted."""
        return [self.edge_set] if isinstance(self.edge_set, str) else list(self.edge_set.values())

    @property
    def joining_edge_sets(self) -> list[str]:
        """The edge sets that lead to what an edge and a candidate share, or from a candidate to the counted edges."""
        shared = self.shared_with_item.edge_set if isinstance(self.shared_with_item, SharedNeighbour) else ()
        shared = [shared] if isinstance(shared, str) else shared.values() if isinstance(shared, dict) else shared
        paths = self.through.values() if isinstance(self.through, dict) else [self.through or ()]
        return [*shared, *(name for path in paths for name in path)]

    @property
    def needs_times(self) -> bool:
        """Whether the edges must have times."""
        return self.window_seconds is not None or self.measure in ("seconds_since_last", "last_value")

    @property
    def without_edges(self) -> float:
        """The value where there is no edge."""
        return 0.0 if self.measure in ("count", "sum") else self.missing


def one_degree_each(definitions: object) -> object:
    """Definitions with `each`, or whose `nth_last` is a list, written out."""
    definitions = written_out(definitions)
    if not isinstance(definitions, dict):
        return definitions
    found = {}
    for name, definition in definitions.items():
        places = definition.get("nth_last") if isinstance(definition, dict) else None
        if isinstance(places, list):
            found |= {f"{name}_{place}": {**definition, "nth_last": place} for place in places}
        else:
            found[name] = definition
    return found
