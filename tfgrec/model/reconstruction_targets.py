"""What the auto-encoder rebuilds of a node: raw features, never ids."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.graph.schema import ID
from tfgrec.model.feature_specs import CategoricalSpec, FeatureSpec, NumericSpec, Statistics

MAX_CLASSES = 1_000
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
    specs: Mapping[str, Mapping[str, FeatureSpec]], statistics: Statistics
) -> dict[str, NodeSetTargets]:
    """The targets of each node set that has any.

    Numbers and categorical values are targets. Ids and hashed features are not: rebuilding what is as good as an id
    teaches nothing about other nodes. Nor are features that never vary.
    """
    targets = {}
    for node_set, of_node_set in specs.items():
        found = _node_set_targets(of_node_set, statistics.get(node_set, {}))
        if found.num_features:
            targets[node_set] = found
    return targets


def _node_set_targets(specs: Mapping[str, FeatureSpec], statistics: Mapping[str, Any]) -> NodeSetTargets:
    numeric, categorical, multi_hot = {}, {}, {}
    for name, spec in specs.items():
        summary = statistics.get(name) or {}
        if isinstance(spec, NumericSpec) and _varies(summary["numeric"]):
            numeric[name] = spec
        elif isinstance(spec, CategoricalSpec) and name != ID and len(spec.vocabulary) > 1:
            if spec.multi_valued:
                multi_hot[name] = _multi_hot_target(spec, summary["categorical"], _num_nodes(specs, statistics))
            else:
                categorical[name] = _categorical_target(spec, summary["categorical"])
    return NodeSetTargets(numeric=numeric, categorical=categorical, multi_hot=multi_hot)


def _varies(summary: Mapping[str, Any]) -> bool:
    return float(summary["standard_deviation"]) > 1e-6


def _num_nodes(specs: Mapping[str, FeatureSpec], statistics: Mapping[str, Any]) -> int:
    """Nodes of a node set: the largest count of its id and of the features with one value a node."""
    single = [ID, *(name for name, spec in specs.items() if not spec.multi_valued)]
    summaries = [summary for name in single for summary in (statistics.get(name) or {}).values() if summary]
    return max((summary["count"] for summary in summaries), default=1)


def _categorical_target(spec: CategoricalSpec, summary: Mapping[str, Any]) -> CategoricalTarget:
    kept = summary["values"][: min(len(spec.vocabulary), MAX_CLASSES - 1)]
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
