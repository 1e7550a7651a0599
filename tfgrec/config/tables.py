"""What a `schemas/<dataset>/tables.yaml` says: which files and columns feed the graph and the requests."""

import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from tfgrec.config.base import FrozenConfig
from tfgrec.config.each import written_out
from tfgrec.config.encodings import TimePartName


def _date_as_text(value: object) -> object:
    """YAML reads 2022-04-25 as a date, and tables hold it as text or as a time."""
    return value.isoformat() if isinstance(value, datetime.date) else value


Scalar = Annotated[bool | int | float | str, BeforeValidator(_date_as_text)]
TableFormat = Literal["csv", "parquet", "tfrecord"]
# A format of times beside those of strptime.
ISO_8601 = "iso8601"


class CountedBackTime(FrozenConfig):
    """A log that has order but no times: each row is dated `step_seconds` before the one that follows it.

    Within the rows that agree in column `within`, the row with the highest value in column `order` has the
    time that the time column says; the one before it `step_seconds` less, and so on.

    Attributes:
      order: the column that tells which row follows which.
      within: the column whose values are counted apart, as the user.
      step_seconds: from one row to the next.
    """

    order: str
    within: str
    step_seconds: float = Field(default=1.0, gt=0)


class TimeColumn(FrozenConfig):
    """How a row's time is read: a number since 1970 in `unit`, or text in `format`; neither for Parquet's own times.

    Attributes:
      column: the column of the time.
      unit: of a number since 1970: `seconds`, `milliseconds`, `microseconds` or `nanoseconds`.
      format: of a text, as strptime's, or `iso8601` for texts such as 2022-04-24T15:05:41.436+08:00; UTC when naive.
      counted_back: for a log that has order but no times.
    """

    column: str
    unit: Literal["seconds", "milliseconds", "microseconds", "nanoseconds"] | None = None
    format: str | None = None
    counted_back: CountedBackTime | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "TimeColumn":
        if self.unit is not None and self.format is not None:
            raise ValueError("give either unit or format, not both")
        return self


class Table(FrozenConfig):
    """One table: a file or a glob below the data directory.

    `*`, `?` and `[abc]` of a glob stay within a name, `**` crosses folders; a folder named `key=value` gives its files
    a column `key`. The suffix tells the format (.csv, .parquet, .pq, .tfrecord), unless `format` does; CSV and TFRecord
    files may end in .gz, .bz2 or .zst besides. A TFRecord file holds flat tf.Examples, one a row.

    Attributes:
      path: of a file, or a glob, from the data folder (`--data`) on.
      format: `csv`, `parquet` or `tfrecord`, where the suffix does not tell.
      time: how a row's time is read; without it the rows have none.
    """

    path: str
    format: TableFormat | None = None
    time: TimeColumn | None = None

    @field_validator("path")
    @classmethod
    def _below_the_data_folder(cls, path: str) -> str:
        if not path or path.startswith("/") or "://" in path:
            raise ValueError("give a path that begins at the data folder (--data)")
        return path


class Column(FrozenConfig):
    """The column that feeds a feature or an id; a bare name is a column without options.

    Attributes:
      column: its name.
      separator: splits a text into several values.
      missing: stands for an empty cell. Without it an empty cell of a scalar feature makes the row a bad one, of a
        multi-valued one an empty list.
    """

    column: str
    separator: str | None = None
    missing: Scalar | None = None


ColumnOrName = Column | str


class NodeSetSource(FrozenConfig):
    """Where a node set's nodes come from.

    Attributes:
      table: a row a node.
      id: the column of the nodes' ids.
      features: `{feature in graph.pbtxt: column}`.
    """

    table: str
    id: ColumnOrName
    features: dict[str, ColumnOrName] = {}


class EdgeSource(FrozenConfig):
    """Rows of one table that are edges.

    Attributes:
      table: a row an edge.
      source: the column of the ids of the nodes that edges leave.
      target: the column of the ids of the nodes that they lead to.
      where: `{column: value}`: rows whose column has the value, or one of a list of values; others are left out.
      features: `{feature in graph.pbtxt: column}`.
    """

    table: str
    source: ColumnOrName
    target: ColumnOrName
    where: dict[str, Scalar | list[Scalar]] = {}
    features: dict[str, ColumnOrName] = {}


class _DerivedEdges(FrozenConfig):
    """Edges from items to items, made of what users did with both along the edge sets `from` and `to`.

    At every multiple of `refresh_seconds` since 1970 (UTC) all lists are made anew, and their edges have that time b.
    There count a user's newest `max_items_per_user` edges of each edge set of those with b - history <= time < b. An
    item keeps its `max_neighbours` largest weights; of equal ones those whose raw ids have the smallest hashes.

    Attributes:
      from_: the edge set from users to items by which they have the first item.
      to: that by which they have the second; null for the same.
      refresh_seconds: from one making of all lists to the next.
      history_seconds: how old an edge may be to count; null for any age.
      max_items_per_user: how many of a user's newest edges count.
      max_neighbours: how many edges an item keeps.
      min_weight: edges of less weight are left out.
    """

    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from")
    to: str | None = None
    refresh_seconds: float = Field(default=86_400, ge=0.001)
    history_seconds: float | None = Field(default=None, gt=0)
    max_items_per_user: int = Field(default=100, ge=1)
    max_neighbours: int = Field(default=50, ge=1)
    min_weight: float = Field(default=0.0, ge=0)

    @property
    def base(self) -> tuple[str, str]:
        """The edge sets `from` and `to`."""
        return self.from_, self.to or self.from_


class CoWatch(_DerivedEdges):
    """The weight is the number of users who have both items, with `within_seconds` so close to one another.

    Attributes:
      within_seconds: how far apart in time a user's two edges may lie; null for any distance.
    """

    kind: Literal["co_watch"]
    within_seconds: float | None = Field(default=None, ge=0)


class Swing(_DerivedEdges):
    """The weight is Swing's (tfgrec.graph.derived.swing) among the newest `max_users_per_item` users of an item.

    Attributes:
      damping: alpha: the larger, the less it counts that two users share few items.
      max_users_per_item: how many of an item's newest users are paired.
    """

    kind: Literal["swing"]
    damping: float = Field(default=1.0, ge=0)
    max_users_per_item: int = Field(default=200, ge=2)


DerivedEdges = CoWatch | Swing


class EdgeSetSource(FrozenConfig):
    """An edge set is the union of its sources, or the reverse of another edge set, or derived from others.

    Edges from a table with a time carry it, and are seen only by later requests: strictly after
    the edge's time plus `feedback_delay_seconds`.

    Attributes:
      sources: the tables of its rows.
      reverse_of: the edge set that has the same edges the other way round.
      derived: made of what users did, `kind: co_watch` or `kind: swing`.
      feedback_delay_seconds: how much later than its time an edge is seen.
    """

    sources: list[EdgeSource] = []
    reverse_of: str | None = None
    derived: Annotated[DerivedEdges, Field(discriminator="kind")] | None = None
    feedback_delay_seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _one_way(self) -> "EdgeSetSource":
        if [bool(self.sources), self.reverse_of is not None, self.derived is not None].count(True) != 1:
            raise ValueError("give either sources or reverse_of or derived")
        return self


class TimePart(FrozenConfig):
    """A request feature read off the request's time.

    Attributes:
      time_part: `hour` (0 to 23) or `weekday` (Monday 0 to Sunday 6).
      utc_offset_hours: how far east of UTC the clock is that tells it.
    """

    time_part: TimePartName
    utc_offset_hours: float = 0.0


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


def _one_degree_each(definitions: object) -> object:
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


class RequestSource(FrozenConfig):
    """A log of impressions. Rows that agree in user, time and the `group_by` columns are one request.

    Attributes:
      table: a row an impression.
      user: the column of the user's id.
      item: the column of the candidate's id.
      item_node_set: the node set that the candidate is of.
      group_by: columns that part requests of one user and time.
    """

    table: str
    user: str
    item: str
    item_node_set: str
    group_by: list[str] = []


class Requests(FrozenConfig):
    """The requests: where impressions are, and what becomes a feature or a label of `_readout` nodes.

    Attributes:
      user_node_set: the node set that users are of.
      unknown: what becomes of an impression whose user or item no node of the graph is: `set_aside` makes it a bad row,
        and online an error; with `score` it has a node without edges, whose features are absent.
      sources: the logs of impressions.
      features: `{feature: column or part of the time}`.
      labels: `{label: column}`: what tasks learn.
      temporal_degrees: `{feature: exact count, sum or age before the request}`; with `each`, several of a kind.
    """

    user_node_set: str
    unknown: Literal["set_aside", "score"] = "set_aside"
    sources: list[RequestSource] = Field(min_length=1)
    features: dict[str, TimePart | Column | str] = {}
    labels: dict[str, ColumnOrName] = Field(min_length=1)
    temporal_degrees: Annotated[dict[str, TemporalDegree], BeforeValidator(_one_degree_each)] = {}


class TablesConfig(FrozenConfig):
    """The whole of a tables.yaml.

    Attributes:
      tables: files, by names of one's own.
      node_sets: where the nodes of each node set of graph.pbtxt come from.
      edge_sets: where the edges of each edge set come from.
      requests: impressions, their features and labels.
    """

    tables: dict[str, Table]
    node_sets: dict[str, NodeSetSource]
    edge_sets: dict[str, EdgeSetSource]
    requests: Requests


def reverse_edge_set(tables: TablesConfig, name: str) -> str | None:
    """The edge set with the same edges the other way round, if there is one."""
    reversed_by = (other for other, edge_set in tables.edge_sets.items() if edge_set.reverse_of == name)
    return tables.edge_sets[name].reverse_of or next(reversed_by, None)


def as_column(value: ColumnOrName) -> Column:
    """A bare column name is a Column without options."""
    return Column(column=value) if isinstance(value, str) else value
