"""How the graph store is built and how a request's subgraph is sampled from it."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from tfgrec.config.base import FrozenConfig
from tfgrec.config.tables import Scalar
from tfgrec.config.text_order import order_of

_WEIGHED = ("weighted", "top_by_weight")


class SplitConfig(FrozenConfig):
    """Which rows train, validate and test: inclusive ranges `[first, last]` of a column of the request tables.

    Sampling stops where a request of one part is newer than the oldest one of a later part.

    Attributes:
      column: of the request tables.
      train: null samples no training rows: for a model that is only evaluated.
      validation: what a trained model is measured on.
      test: measured beside validation, and read by nothing that trains or chooses a model.
      overlap_seconds: by how much a part's requests may be newer than a later part's oldest: a log's days may end a
        little late.
    """

    column: str
    train: tuple[Scalar, Scalar] | None
    validation: tuple[Scalar, Scalar]
    test: tuple[Scalar, Scalar] | None = None
    overlap_seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that records are made of, in the order of their times; there are no training requests for null."""
        return ("train", "validation") if self.test is None else ("train", "validation", "test")

    @property
    def measured(self) -> tuple[str, ...]:
        """The parts that a trained model is measured on."""
        return self.parts[1:]

    @field_validator("train", "validation", "test")
    @classmethod
    def _in_order(cls, bounds: tuple[Scalar, Scalar] | None) -> tuple[Scalar, Scalar] | None:
        texts = [bound for bound in bounds or () if isinstance(bound, str)]
        if len(texts) == 2 and order_of(*texts) is None:
            raise ValueError(
                "these do not order as text, so that no range can be told: write days as 2024-01-31 in the table and "
                "here, or as numbers such as 20240131"
            )
        return bounds


class BuildConfig(FrozenConfig):
    """Building the graph store.

    Attributes:
      shards: by default one for each 32 MiB of table files, rounded up to a power of two: one of them is the quickest
        to serve from, and a worker holds one.
      max_bad_row_share: a table fails when more of its rows are bad.
      rows_per_batch: rows that are read at once.
    """

    shards: int | None = Field(default=None, ge=1)
    max_bad_row_share: float = Field(default=0.01, ge=0, le=1)
    rows_per_batch: int = Field(default=100_000, ge=1)


class FanOut(FrozenConfig):
    """How many edges of one edge set are sampled for one node, and which; zero switches the edge set off.

    Attributes:
      fan_out: how many edges of a node; 0: none.
      strategy: which of those that the request may see. `most_recent`: the newest. `uniform`: any, all equally likely.
        `weighted`: any, drawn one after another by chances proportional to their `weight`, never one whose weight is
        not above zero. `top_by_weight`: those of the highest `weight`, of equal ones the newer.
      weight: a numeric feature of the edges; an edge whose weight is NaN is never taken.
      window_seconds: samples only edges that young; null: all.
    """

    fan_out: int = Field(ge=0)
    strategy: Literal["most_recent", "uniform", "weighted", "top_by_weight"] = "most_recent"
    weight: str | None = None
    window_seconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _weight_where_weighed(self) -> "FanOut":
        if (self.weight is not None) != (self.strategy in _WEIGHED):
            verb = "needs" if self.weight is None else "takes no"
            raise ValueError(f"strategy {self.strategy} {verb} weight")
        return self


class HistoryPlan(FrozenConfig):
    """Which of the user's newest edges of one edge set a record lists, as plain events without a subgraph behind.

    An event has the raw id of the edge's target, the edge's time and features, and features of the target.

    Attributes:
      newest: how many.
      features: of the target, such as the id of an item's author, which candidates are matched by too.
      window_seconds: lists only edges that young; null: all.
    """

    newest: int = Field(ge=1, le=10_000)
    features: list[str] = []
    window_seconds: float | None = Field(default=None, gt=0)


class SamplingConfig(FrozenConfig):
    """Hop by hop, edge set by edge set: `hops[0]` starts at the request's user and candidates.

    Each hop samples, along every edge set that leaves a node, for the nodes first reached by the hop before it.

    Attributes:
      hops: for each hop, the fan-out of each edge set: a number, or how it is drawn.
      history: lists edges of the user besides, by edge set: long histories, some ten bytes an event.
      seed: of what is drawn at random.
      requests_per_batch: requests that are sampled together.
      output_shards: files of each part.
    """

    hops: list[dict[str, FanOut]] = Field(min_length=1)
    history: dict[str, HistoryPlan] = {}
    seed: int = 0
    requests_per_batch: int = Field(default=2_048, ge=1)
    output_shards: int = Field(default=16, ge=1)

    @property
    def tells_hidden_nodes(self) -> bool:
        """Whether neighbours have neighbours of their own, from which the auto-encoder can rebuild what it hides."""
        return len(self.hops) > 1

    @field_validator("hops", mode="before")
    @classmethod
    def _bare_numbers(cls, hops: object) -> object:
        if not isinstance(hops, list):
            return hops
        return [
            {name: {"fan_out": value} if isinstance(value, int) else value for name, value in hop.items()}
            if isinstance(hop, dict)
            else hop
            for hop in hops
        ]

    @field_validator("history", mode="before")
    @classmethod
    def _bare_lengths(cls, history: object) -> object:
        if not isinstance(history, dict):
            return history
        return {name: {"newest": plan} if isinstance(plan, int) else plan for name, plan in history.items()}
