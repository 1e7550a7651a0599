"""How raw features become inputs of the model."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tfgrec.config.base import FrozenConfig, Rate

Combiner = Literal["mean", "sum", "max"]
Transform = Literal["standard", "log", "quantile", "piecewise"]
TimePartName = Literal["hour", "weekday"]
DEFAULT_BINS = 8
"""Bins of a number that is read as `piecewise`."""


def _once_each(transforms: list[Transform]) -> list[Transform]:
    if len(set(transforms)) < len(transforms):
        raise ValueError("name each transform once")
    return transforms


Transforms = Annotated[list[Transform], Field(min_length=1), AfterValidator(_once_each)]


class _EmbeddingEncoding(FrozenConfig):
    """`combiner` makes one vector of a feature's several values. Features that name the same `table` share it."""

    combiner: Combiner = "mean"
    table: str | None = None


class CategoricalEncoding(_EmbeddingEncoding):
    """Embedding of a value looked up among the `max_vocabulary` most frequent ones; the others share one row."""

    kind: Literal["categorical"] = "categorical"
    dimension: int = Field(default=8, ge=1)
    max_vocabulary: int = Field(default=10_000, ge=1)


class HashedEncoding(_EmbeddingEncoding):
    """Embedding of a value hashed into `buckets` rows: for ids. `dropout` hides that share of the values in training,
    so that the model learns to do without."""

    kind: Literal["hashed"] = "hashed"
    dimension: int = Field(default=16, ge=1)
    buckets: int = Field(default=50_000, ge=2)
    dropout: Rate = 0.0


class NumericEncoding(FrozenConfig):
    """A number, normalised with the constants of the graph store (or of the training records) in each of the ways that
    `transforms` lists: as it is, on a log scale, by its rank among the graph's values, or by how far it has come in
    each of `bins` bins between their quantiles. Without `transforms`, a number of the request is read as
    `model.numeric_transforms` says, all others on a log scale."""

    kind: Literal["numeric"] = "numeric"
    transforms: Transforms | None = None
    bins: int = Field(default=DEFAULT_BINS, ge=1, le=64)

    @model_validator(mode="after")
    def _bins_are_read(self) -> "NumericEncoding":
        if self.bins != DEFAULT_BINS and self.transforms is not None and "piecewise" not in self.transforms:
            raise ValueError(f"bins: goes with transform piecewise, received transforms {self.transforms}")
        return self


class TimeOfEncoding(FrozenConfig):
    """Hour and weekday of a time in milliseconds since 1970, `utc_offset_hours` east of UTC: as sine and cosine
    (`cyclic`), or as embeddings of `dimension` (4). Zero and negative times are unknown.

    For features of nodes. Of the request's own time, tables.yaml makes a request feature (`time_part`).
    """

    kind: Literal["time_of"] = "time_of"
    parts: list[TimePartName] = Field(default=["hour", "weekday"], min_length=1)
    encoding: Literal["cyclic", "embedded"] = "cyclic"
    dimension: int | None = Field(default=None, ge=1)
    utc_offset_hours: float = 0.0

    @model_validator(mode="after")
    def _honoured(self) -> "TimeOfEncoding":
        if self.encoding == "cyclic" and self.dimension is not None:
            raise ValueError("dimension: goes with encoding embedded")
        return self


class IgnoredEncoding(FrozenConfig):
    """The feature is in the records and not in the model."""

    kind: Literal["ignored"] = "ignored"


Encoding = Annotated[
    CategoricalEncoding | HashedEncoding | NumericEncoding | TimeOfEncoding | IgnoredEncoding,
    Field(discriminator="kind"),
]


class SmoothedRate(FrozenConfig):
    """A request feature computed in the model: logit of (of + smoothing * p) / (sum(over) + smoothing), less logit p.

    p is the ratio of the training records' means.
    """

    of: str
    over: list[str] = Field(min_length=1)
    smoothing: float = Field(default=10.0, gt=0)


def shared_table_problems(features: Mapping[str, Mapping[str, Encoding]]) -> list[str]:
    """Encodings that name the same table and do not agree in what it looks like, each with both keys."""
    first: dict[str, tuple[str, Encoding]] = {}
    problems = []
    for node_set, encodings in features.items():
        for name, encoding in encodings.items():
            if not isinstance(encoding, CategoricalEncoding | HashedEncoding) or encoding.table is None:
                continue
            other_key, other = first.setdefault(encoding.table, (f"{node_set}.{name}", encoding))
            for key in ("kind", "dimension", "buckets", "max_vocabulary"):
                here, there = getattr(encoding, key, None), getattr(other, key, None)
                if here != there:
                    problems.append(
                        f"{node_set}.{name} and {other_key} share table '{encoding.table}', but {key} is {here} here "
                        f"and {there} there"
                    )
                    break
    return problems
