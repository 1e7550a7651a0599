"""What a `schemas/<dataset>/tables.yaml` says: which files and columns feed the graph and the requests."""

import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tfgrec.config.base import FrozenConfig
from tfgrec.config.encodings import TimePartName
from tfgrec.config.temporal_degrees import TemporalDegree, one_degree_each


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
    temporal_degrees: Annotated[dict[str, TemporalDegree], BeforeValidator(one_degree_each)] = {}


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
