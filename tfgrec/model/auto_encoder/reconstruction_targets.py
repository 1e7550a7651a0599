"""What the auto-encoder rebuilds of a node: raw features, never ids."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from pydantic import TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID
from tfgrec.model.features.feature_specs import CategoricalSpec, FeatureSpec, NumericSpec, Statistics

MAX_MULTI_HOT_VALUES = 100
_SMALLEST_ENTROPY = 0.1


class CategoricalTarget(FrozenConfig):
    """Classes 1, 2, ... are the most frequent values, 0 all others; `entropy` is that of the graph's class shares."""

    dtype: Literal["int64", "string"]
    vocabulary: list[int] | list[str]
    shares: list[float]
    entropy: float


class MultiHotTarget(FrozenConfig):
    """Which of the most frequent values a node has; `shares` are their frequencies among nodes."""

    dtype: Literal["int64", "string"]
    vocabulary: list[int] | list[str]
    shares: list[float]
    entropy: float


class NodeSetTargets(FrozenConfig):
    """All targets of one node set."""

    numeric: dict[str, NumericSpec] = {}
    categorical: dict[str, CategoricalTarget] = {}
    multi_hot: dict[str, MultiHotTarget] = {}

    @property
    def num_features(self) -> int:
        """How many features are rebuilt."""
        return len(self.numeric) + len(self.categorical) + len(self.multi_hot)


_TARGETS: TypeAdapter = TypeAdapter(dict[str, NodeSetTargets])


def parse_targets(values: Mapping[str, NodeSetTargets | dict[str, Any]]) -> dict[str, NodeSetTargets]:
    """Targets from a layer's config, or from targets."""
    return _TARGETS.validate_python(dict(values))


def reconstruction_targets(
    specs: Mapping[str, Mapping[str, FeatureSpec]],
    statistics: Statistics,
    *,
    receivers: Collection[str],
    chosen: Mapping[str, Sequence[str]] | None = None,
    max_classes: int,
) -> dict[str, NodeSetTargets]:
    """The targets of each node set that has any.

    Numbers and categorical values are targets. Ids and hashed features are not: rebuilding what is as good as an id
    teaches nothing about other nodes. Nor are features that never vary.

    Args:
      specs: `{node_set: {feature: spec}}` of all stored node sets.
      statistics: The graph store's.
      receivers: Node sets that some edge set leaves: nodes of others are told nothing, and never hidden.
      chosen: `{node_set: [features]}` to rebuild, of the records' schema; None for all that can be.
      max_classes: Classes of a categorical target; values beyond the most frequent ones share one.

    Raises:
      ConfigurationError: What is chosen can't be a target; names the key and the reason.
    """
    obstacles = {name: _obstacles(of_node_set, statistics.get(name, {})) for name, of_node_set in specs.items()}
    if chosen is None:
        chosen = {
            name: [feature for feature, obstacle in obstacles[name].items() if obstacle is None]
            for name in specs
            if name in receivers
        }
    else:
        _check_chosen(chosen, obstacles, receivers)
    return {
        name: _node_set_targets(specs[name], features, statistics.get(name, {}), max_classes)
        for name, features in chosen.items()
        if features
    }


def _obstacles(specs: Mapping[str, FeatureSpec], statistics: Mapping[str, Any]) -> dict[str, str | None]:
    """Why each feature of a node set can't be a target; None for those that can."""
    return {name: _obstacle(name, spec, statistics.get(name) or {}) for name, spec in specs.items()}


def _obstacle(name: str, spec: FeatureSpec, summary: Mapping[str, Any]) -> str | None:
    if name == ID:
        return "rebuilding ids teaches nothing about other nodes"
    if isinstance(spec, NumericSpec):
        return None if float(summary["numeric"]["standard_deviation"]) > 1e-6 else "it never varies"
    if isinstance(spec, CategoricalSpec):
        return None if len(spec.vocabulary) > 1 else "it never varies"
    return f"its encoding is {spec.kind}; numeric and categorical features can be rebuilt"


def _check_chosen(
    chosen: Mapping[str, Sequence[str]], obstacles: Mapping[str, Mapping[str, str | None]], receivers: Collection[str]
) -> None:
    for name, features in chosen.items():
        key = f"model.auto_encoder.targets.{name}"
        if name not in receivers:
            raise ConfigurationError(f"{key}: no edge set leaves '{name}', so its nodes can't be told what they hide")
        for feature in features:
            obstacle = obstacles[name].get(feature, "the model ignores it (see model.features)")
            if obstacle is not None:
                raise ConfigurationError(f"{key}: '{feature}' can't be rebuilt: {obstacle}")


def _node_set_targets(
    specs: Mapping[str, FeatureSpec], features: Sequence[str], statistics: Mapping[str, Any], max_classes: int
) -> NodeSetTargets:
    numeric, categorical, multi_hot = {}, {}, {}
    for name in features:
        spec, summary = specs[name], statistics[name]
        if isinstance(spec, NumericSpec):
            # One scale is enough to rebuild: the others say the same.
            numeric[name] = spec.model_copy(update={"transforms": [spec.single_column], "bin_edges": []})
        elif spec.multi_valued:
            multi_hot[name] = _multi_hot_target(spec, summary["categorical"], _num_nodes(specs, statistics))
        else:
            categorical[name] = _categorical_target(spec, summary["categorical"], max_classes)
    return NodeSetTargets(numeric=numeric, categorical=categorical, multi_hot=multi_hot)


def _num_nodes(specs: Mapping[str, FeatureSpec], statistics: Mapping[str, Any]) -> int:
    """Nodes of a node set: the largest count of its id and of the features with one value a node."""
    single = [ID, *(name for name, spec in specs.items() if not getattr(spec, "multi_valued", False))]
    summaries = [summary for name in single for summary in (statistics.get(name) or {}).values() if summary]
    return max((summary["count"] for summary in summaries), default=1)


def _categorical_target(spec: CategoricalSpec, summary: Mapping[str, Any], max_classes: int) -> CategoricalTarget:
    kept = summary["values"][: min(len(spec.vocabulary), max_classes - 1)]
    total = max(float(summary["count"]), 1.0)
    rest = max(total - sum(count for _, count in kept), 0.5)
    counts = [rest, *(count for _, count in kept)]
    shares = [count / sum(counts) for count in counts]
    entropy = -sum(share * math.log(share) for share in shares)
    return CategoricalTarget(
        dtype=spec.dtype,
        vocabulary=[value for value, _ in kept],
        shares=shares,
        entropy=max(entropy, _SMALLEST_ENTROPY),
    )


def _multi_hot_target(spec: CategoricalSpec, summary: Mapping[str, Any], num_nodes: int) -> MultiHotTarget:
    kept = summary["values"][:MAX_MULTI_HOT_VALUES]
    shares = [min(max(count / num_nodes, 1e-4), 1 - 1e-4) for _, count in kept]
    entropy = -sum(share * math.log(share) + (1 - share) * math.log1p(-share) for share in shares)
    return MultiHotTarget(
        dtype=spec.dtype,
        vocabulary=[value for value, _ in kept],
        shares=shares,
        entropy=max(entropy, _SMALLEST_ENTROPY),
    )
