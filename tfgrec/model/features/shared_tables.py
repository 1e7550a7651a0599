"""Features that share an embedding table: one vocabulary for all of them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tfgrec.config.encodings import CategoricalEncoding, Encoding
from tfgrec.model.features.feature_specs import CategoricalSpec, FeatureSpec, HashedSpec, Statistics

Specs = dict[str, dict[str, FeatureSpec]]


def with_shared_tables(
    specs: Mapping[str, Mapping[str, FeatureSpec]],
    encodings: Mapping[str, Mapping[str, Encoding]],
    statistics: Statistics,
) -> Specs:
    """The specs, `{node_set: {feature: spec}}`, of which those with the same `table` have the same rows.

    A shared vocabulary holds the values that are most frequent in all the features together. A table that holds the
    ids of nodes is one of ids for all features that share it.
    """
    sharing: dict[str, list[tuple[str, str]]] = {}
    for node_set, of_node_set in specs.items():
        for name, spec in of_node_set.items():
            if isinstance(spec, CategoricalSpec | HashedSpec) and spec.table is not None:
                sharing.setdefault(spec.table, []).append((node_set, name))
    shared = {node_set: dict(of_node_set) for node_set, of_node_set in specs.items()}
    for members in sharing.values():
        common: dict[str, Any] = {"is_id": any(specs[node_set][name].is_id for node_set, name in members)}
        first = encodings[members[0][0]][members[0][1]]
        if isinstance(first, CategoricalEncoding):
            common["vocabulary"] = _vocabulary(members, first.max_vocabulary, statistics)
        for node_set, name in members:
            shared[node_set][name] = specs[node_set][name].model_copy(update=common)
    return shared


def _vocabulary(members: list[tuple[str, str]], max_vocabulary: int, statistics: Statistics) -> list[int] | list[str]:
    counts: Counter = Counter()
    for node_set, name in members:
        counts.update(dict(statistics[node_set][name]["categorical"]["values"]))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [value for value, _ in ordered[:max_vocabulary]]
