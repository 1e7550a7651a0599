"""How the graph store is built and how a request's subgraph is sampled from it."""

from typing import Literal

from pydantic import Field, field_validator

from tfgrec.config.base import FrozenConfig
from tfgrec.config.tables import Scalar


class SplitConfig(FrozenConfig):
    """Which rows train and which validate: inclusive ranges `[first, last]` of a column of the request tables.

    `train: null` samples no training rows: for a model that is only evaluated.
    """

    column: str
    train: tuple[Scalar, Scalar] | None
    validation: tuple[Scalar, Scalar]


class BuildConfig(FrozenConfig):
    """Building the graph store; a table fails when more than `max_bad_row_share` of its rows are bad."""

    shards: int = Field(default=4, ge=1)
    max_bad_row_share: float = Field(default=0.01, ge=0, le=1)
    rows_per_batch: int = Field(default=100_000, ge=1)


class FanOut(FrozenConfig):
    """How many edges of one edge set are sampled for one node; zero switches the edge set off."""

    fan_out: int = Field(ge=0)
    strategy: Literal["most_recent", "uniform"] = "most_recent"


class SamplingConfig(FrozenConfig):
    """Hop by hop, edge set by edge set: `hops[0]` starts at the request's user and candidates.

    Each hop samples, along every edge set that leaves a node, for the nodes first reached by the hop before it.
    """

    hops: list[dict[str, FanOut]] = Field(min_length=1)
    seed: int = 0
    requests_per_batch: int = Field(default=2_048, ge=1)
    output_shards: int = Field(default=16, ge=1)

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
