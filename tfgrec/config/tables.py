"""What a `schemas/<dataset>/tables.yaml` says: which files and columns feed the graph and the requests."""

from typing import Literal

from pydantic import Field, model_validator

from tfgrec.config.base import FrozenConfig

Scalar = int | float | str


class CountedBackTime(FrozenConfig):
    """A log that has order but no times: each row is dated `step_seconds` before the one that follows it.

    Within the rows that agree in column `within`, the row with the highest value in column `order` has the
    time that the time column says; the one before it `step_seconds` less, and so on.
    """

    order: str
    within: str
    step_seconds: float = Field(default=1.0, gt=0)


class TimeColumn(FrozenConfig):
    """How a row's time is read: a number since 1970 in `unit`, or text in strptime `format` (UTC when naive)."""

    column: str
    unit: Literal["seconds", "milliseconds", "microseconds", "nanoseconds"] | None = None
    format: str | None = None
    counted_back: CountedBackTime | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "TimeColumn":
        if (self.unit is None) == (self.format is None):
            raise ValueError("give either unit or format")
        return self


class Table(FrozenConfig):
    """One table: a file or a glob below the data directory, CSV or Parquet by its suffix."""

    path: str
    time: TimeColumn | None = None


class Column(FrozenConfig):
    """The column that feeds a feature or an id.

    `separator` splits text into several values; `missing` stands for an empty cell (else an empty cell of a
    scalar feature makes the row a bad one; of a multi-valued one, an empty list).
    """

    column: str
    separator: str | None = None
    missing: Scalar | None = None


ColumnOrName = Column | str


class NodeSetSource(FrozenConfig):
    """A node set's table, id column and features (feature name in graph.pbtxt -> column)."""

    table: str
    id: ColumnOrName
    features: dict[str, ColumnOrName] = {}


class EdgeSource(FrozenConfig):
    """Rows of one table that are edges; `where` keeps rows whose column has the value (or one of them)."""

    table: str
    source: ColumnOrName
    target: ColumnOrName
    where: dict[str, Scalar | list[Scalar]] = {}
    features: dict[str, ColumnOrName] = {}


class EdgeSetSource(FrozenConfig):
    """An edge set is the union of its sources, or the reverse of another edge set.

    Edges from a table with a time carry it, and are seen only by later requests: strictly after
    the edge's time plus `feedback_delay_seconds`.
    """

    sources: list[EdgeSource] = []
    reverse_of: str | None = None
    feedback_delay_seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _one_way(self) -> "EdgeSetSource":
        if bool(self.sources) == (self.reverse_of is not None):
            raise ValueError("give either sources or reverse_of")
        return self


class TimePart(FrozenConfig):
    """A request feature read off the request's time, in the time zone `utc_offset_hours` east of UTC."""

    time_part: Literal["hour", "weekday"]
    utc_offset_hours: float = 0.0


class TemporalDegree(FrozenConfig):
    """The exact count of a node's edges that the request may see; or the seconds since the newest of them.

    `of` is the request's user or the candidate item. `edge_set` is one name, or item node set -> name where
    candidates come from several node sets. `window_seconds` counts only the edges that young.
    `measure: seconds_since_last` is -1 where there is no such edge.
    """

    of: Literal["user", "item"]
    edge_set: str | dict[str, str]
    window_seconds: float | None = Field(default=None, gt=0)
    measure: Literal["count", "seconds_since_last"] = "count"


class RequestSource(FrozenConfig):
    """A log of impressions. Rows that agree in user, time and the `group_by` columns are one request."""

    table: str
    user: str
    item: str
    item_node_set: str
    group_by: list[str] = []


class Requests(FrozenConfig):
    """The requests: where impressions are, and what becomes a feature or a label of `_readout` nodes."""

    user_node_set: str
    sources: list[RequestSource] = Field(min_length=1)
    features: dict[str, TimePart | Column | str] = {}
    labels: dict[str, ColumnOrName] = Field(min_length=1)
    temporal_degrees: dict[str, TemporalDegree] = {}


class TablesConfig(FrozenConfig):
    """The whole of a tables.yaml."""

    tables: dict[str, Table]
    node_sets: dict[str, NodeSetSource]
    edge_sets: dict[str, EdgeSetSource]
    requests: Requests


def as_column(value: ColumnOrName) -> Column:
    """A bare column name is a Column without options."""
    return Column(column=value) if isinstance(value, str) else value
