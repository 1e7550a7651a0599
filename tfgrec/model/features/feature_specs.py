"""All that an encoding layer knows of one feature: the configured encoding joined with the statistics."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.config.encodings import (
    CategoricalEncoding,
    Combiner,
    Encoding,
    HashedEncoding,
    IgnoredEncoding,
    NumericEncoding,
    TimeOfEncoding,
    TimePartName,
    Transform,
)
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID, Feature
from tfgrec.model.features.piecewise_linear import bin_edges

Statistics = Mapping[str, Any]


class _EmbeddedSpec(FrozenConfig):
    """`table` is the name of the table that features share, None for one of the feature's own."""

    dimension: int
    table: str | None = None
    combiner: Combiner = "mean"
    multi_valued: bool = False
    is_id: bool = False


class CategoricalSpec(_EmbeddedSpec):
    """Rows 1, 2, ... of the table belong to the values of `vocabulary`, row 0 to all others."""

    kind: Literal["categorical"] = "categorical"
    dtype: Literal["int64", "string"]
    vocabulary: list[int] | list[str]

    @property
    def rows(self) -> int:
        """Size of the table."""
        return len(self.vocabulary) + 1


class HashedSpec(_EmbeddedSpec):
    """Rows of the table belong to hashes. A hidden value has a vector of zeros. With `unknown_row`, a value that is
    absent has one more row, the last; else the one of its hash."""

    kind: Literal["hashed"] = "hashed"
    buckets: int
    dropout: float = 0.0
    unknown_row: bool = False

    @property
    def rows(self) -> int:
        """Size of the table."""
        return self.buckets + int(self.unknown_row)


class NumericSpec(FrozenConfig):
    """The constants of each of the `transforms`; `quantile` maps the knots to their normal scores, `piecewise` has a
    column between each two of `bin_edges`.

    `negative_indicator` adds an input that is 1 where the value is below zero: a count of seconds is -1 for "never".
    """

    kind: Literal["numeric"] = "numeric"
    transforms: list[Transform]
    mean: float = 0.0
    standard_deviation: float = 1.0
    log_mean: float = 0.0
    log_standard_deviation: float = 1.0
    knots: list[float] = []
    scores: list[float] = []
    bin_edges: list[float] = []
    multi_valued: bool = False
    negative_indicator: bool = False

    @property
    def single_column(self) -> Transform:
        """The transform that stands for the number where one column has to do: the first that makes one."""
        return next((transform for transform in self.transforms if transform != "piecewise"), "standard")


class TimeOfSpec(FrozenConfig):
    """Parts of a time in milliseconds; embeddings of `dimension`, or sine and cosine without one."""

    kind: Literal["time_of"] = "time_of"
    parts: list[TimePartName]
    dimension: int | None = None
    utc_offset_hours: float = 0.0


EmbeddedSpec = CategoricalSpec | HashedSpec
FeatureSpec = Annotated[CategoricalSpec | HashedSpec | NumericSpec | TimeOfSpec, Field(discriminator="kind")]

_SPECS: TypeAdapter = TypeAdapter(dict[str, FeatureSpec])
_TIME_DIMENSION = 4


def parse_specs(values: Mapping[str, FeatureSpec | dict[str, Any]]) -> dict[str, FeatureSpec]:
    """Specs from what `dump_specs` gave (a layer's config), or from specs."""
    return _SPECS.validate_python(dict(values))


def dump_specs(specs: Mapping[str, FeatureSpec]) -> dict[str, dict[str, Any]]:
    """Plain values for a layer's `get_config`."""
    return {name: spec.model_dump() for name, spec in specs.items()}


def resolve_specs(
    *,
    node_set: str,
    features: Mapping[str, Feature],
    encodings: Mapping[str, Encoding],
    statistics: Statistics,
    numeric_transforms: Sequence[Transform] | None = None,
) -> dict[str, FeatureSpec]:
    """The specs of a node set's features, without the ignored ones, in the schema's order.

    Args:
      node_set: Its name, for error messages and to look up its statistics.
      features: The features that the model may read.
      encodings: `model.features.<node_set>` of the configuration, which `check_model_config` has found to fit.
      statistics: `{node_set: {feature: {"numeric": ... | None, "categorical": ... | None}}}`.
      numeric_transforms: Of numbers whose encoding names none; without it, `log`.

    Raises:
      ConfigurationError: The statistics lack what an encoding needs.
    """
    specs = {}
    for name, feature in features.items():
        encoding = encodings.get(name) or default_encoding(name, feature)
        key = f"model.features.{node_set}.{name}"
        summary = statistics.get(node_set, {}).get(name) or {}
        if not isinstance(encoding, IgnoredEncoding):
            specs[name] = _resolve(key, name, feature, _with_transforms(encoding, numeric_transforms), summary)
    return specs


def default_encoding(name: str, feature: Feature) -> Encoding:
    """Ids are ignored, strings and integers categorical, floats numeric."""
    if name == ID:
        return IgnoredEncoding()
    return NumericEncoding() if feature.dtype == "float32" else CategoricalEncoding()


def with_unknown_rows(specs: Mapping[str, Mapping[str, FeatureSpec]]) -> dict[str, dict[str, FeatureSpec]]:
    """The specs, `{node_set: {feature: spec}}`, of which the hashed ones have an `unknown_row`."""
    return {
        node_set: {
            name: spec.model_copy(update={"unknown_row": True}) if isinstance(spec, HashedSpec) else spec
            for name, spec in of_node_set.items()
        }
        for node_set, of_node_set in specs.items()
    }


def _with_transforms(encoding: Encoding, transforms: Sequence[Transform] | None) -> Encoding:
    if isinstance(encoding, NumericEncoding) and encoding.transforms is None and transforms is not None:
        return encoding.model_copy(update={"transforms": list(transforms)})
    return encoding


def _resolve(key: str, name: str, feature: Feature, encoding: Encoding, summary: Mapping[str, Any]) -> FeatureSpec:
    if isinstance(encoding, NumericEncoding):
        return numeric_spec(key, feature, encoding, summary.get("numeric"))
    if isinstance(encoding, TimeOfEncoding):
        dimension = (encoding.dimension or _TIME_DIMENSION) if encoding.encoding == "embedded" else None
        return TimeOfSpec(parts=encoding.parts, dimension=dimension, utc_offset_hours=encoding.utc_offset_hours)
    common = {
        "dimension": encoding.dimension,
        "table": encoding.table,
        "combiner": encoding.combiner,
        "multi_valued": feature.multi_valued,
        "is_id": name == ID,
    }
    if isinstance(encoding, HashedEncoding):
        return HashedSpec(buckets=encoding.buckets, dropout=encoding.dropout, **common)
    counted = _required(key, summary.get("categorical"), "counts of values")["values"]
    vocabulary = [value for value, _ in counted[: encoding.max_vocabulary]]
    return CategoricalSpec(dtype=feature.dtype, vocabulary=vocabulary, **common)


def numeric_spec(
    key: str, feature: Feature, encoding: NumericEncoding, summary: Mapping[str, Any] | None
) -> NumericSpec:
    """The spec of one numeric feature from its numeric statistics (`mean`, `log_mean`, `quantiles`, ...)."""
    summary = _required(key, summary, "numeric summary")
    quantiles = [float(value) for value in summary["quantiles"]]
    transforms = encoding.transforms or ["log"]
    constants: dict[str, Any] = {}
    if "standard" in transforms or transforms == ["piecewise"]:
        constants |= {"mean": summary["mean"], "standard_deviation": _deviation(summary["standard_deviation"])}
    if "log" in transforms:
        deviation = _deviation(summary["log_standard_deviation"])
        constants |= {"log_mean": summary["log_mean"], "log_standard_deviation": deviation}
    if "quantile" in transforms:
        constants["knots"], constants["scores"] = normal_scores(quantiles)
    if "piecewise" in transforms:
        constants["bin_edges"] = bin_edges(quantiles, encoding.bins)
    return NumericSpec(
        transforms=transforms,
        multi_valued=feature.multi_valued,
        negative_indicator=bool(quantiles) and quantiles[0] < 0,
        **constants,
    )


def normal_scores(quantiles: list[float]) -> tuple[list[float], list[float]]:
    """Strictly increasing knots and the normal score of each; tied quantiles share their mean score."""
    scores_of: dict[float, list[float]] = {}
    for position, knot in enumerate(quantiles):
        score = NormalDist().inv_cdf((position + 0.5) / len(quantiles))
        scores_of.setdefault(knot, []).append(score)
    knots = sorted(scores_of)
    return knots, [sum(scores_of[knot]) / len(scores_of[knot]) for knot in knots]


def _deviation(deviation: float) -> float:
    # A feature that never varies would otherwise be blown up by the first value that differs.
    return float(deviation) if deviation > 1e-6 else 1.0


def _required(key: str, summary: Mapping[str, Any] | None, what: str) -> Mapping[str, Any]:
    if summary is None:
        raise ConfigurationError(
            f"{key}: the statistics hold no {what} of this feature; build the graph store (or sample the records) "
            "again with this schema, or set the encoding to {kind: ignored}"
        )
    return summary
