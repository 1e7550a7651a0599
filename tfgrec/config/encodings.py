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
    """An embedding of a feature's values.

    Attributes:
      combiner: one vector for several values: `mean`, `sum` or `max`.
      table: features that name the same table share it, across node sets too. They have to agree in kind, dimension,
        size and type. `author` of videos and `#id` of authors may share `{kind: hashed, table: author}`.
    """

    combiner: Combiner = "mean"
    table: str | None = None


class CategoricalEncoding(_EmbeddingEncoding):
    """Embedding of a value looked up among the most frequent ones; the others share one row.

    Attributes:
      dimension: width of the embedding.
      max_vocabulary: how many values have rows of their own (the graph store keeps 10,000).
    """

    kind: Literal["categorical"] = "categorical"
    dimension: int = Field(default=8, ge=1)
    max_vocabulary: int = Field(default=10_000, ge=1)


class HashedEncoding(_EmbeddingEncoding):
    """Embedding of a hashed value: for ids, and whatever else has as many values.

    Attributes:
      dimension: width of the embedding.
      buckets: rows of the table; values whose hashes fall together share one.
      dropout: share of values that training hides.
    """

    kind: Literal["hashed"] = "hashed"
    dimension: int = Field(default=16, ge=1)
    buckets: int = Field(default=50_000, ge=2)
    dropout: Rate = 0.0


class NumericEncoding(FrozenConfig):
    """A number, normalised with the constants of the graph store, or of the training records.

    Attributes:
      transforms: one input for each: `standard` (less the mean, over the standard deviation), `log` (the same of
        sign(x) log(1 + |x|)), `quantile` (the normal score of its rank); `piecewise`: one for each of `bins`
        bins. Constants are the graph store's. null: `[log]`, or what `model.numeric_transforms` says.
      bins: of `piecewise`.
    """

    kind: Literal["numeric"] = "numeric"
    transforms: Transforms | None = None
    bins: int = Field(default=DEFAULT_BINS, ge=1, le=64)

    @model_validator(mode="after")
    def _bins_are_read(self) -> "NumericEncoding":
        if self.bins != DEFAULT_BINS and self.transforms is not None and "piecewise" not in self.transforms:
            raise ValueError(f"bins: goes with transform piecewise, received transforms {self.transforms}")
        return self


class TimeOfEncoding(FrozenConfig):
    """Hour and weekday of a time in milliseconds since 1970. Zero and negative times are unknown.

    For features of nodes. Of the request's own time, tables.yaml makes a request feature (`time_part`).

    Attributes:
      parts: which of them.
      encoding: sine and cosine, or `embedded`.
      dimension: width of each embedding; 4 where `encoding` is `embedded`.
      utc_offset_hours: the time zone, east of UTC.
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

    Attributes:
      of: a count: a temporal degree, or a number of the request.
      over: counts, which are summed.
      smoothing: how many counts the prior is worth.
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
