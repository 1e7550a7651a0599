"""How numbers of edges and events are read: on a scale of their own, flags as they are."""

import math
from collections.abc import Mapping
from typing import Any

from tfgrec.config.encodings import NumericEncoding
from tfgrec.graph.edge_numbers import is_edge_number
from tfgrec.graph.schema import Feature
from tfgrec.model.features.feature_specs import NumericSpec, Statistics, numeric_spec


def edge_number_specs(set_name: str, features: Mapping[str, Feature], statistics: Statistics) -> dict[str, NumericSpec]:
    """The specs of a set's numbers: sign(x) log(1 + |x|), less its mean, by its standard deviation.

    Flags, which are 0 or 1 and nothing else, become 0 and log 2: a rare one would otherwise be cut, and an edge without
    it would say something. Strings, times and features with several values are left out.

    Args:
      set_name: among the statistics, `edge_set_statistics` of an edge set or the name of a history's node set.
      features: of the set.
      statistics: of the training records.

    Raises:
      ConfigurationError: the statistics lack a number.
    """
    specs = {}
    for name, feature in features.items():
        if not is_edge_number(name, feature):
            continue
        summary = (statistics.get(set_name, {}).get(name) or {}).get("numeric")
        spec = numeric_spec(f"{set_name}.{name}", feature, NumericEncoding(), summary)
        # A sign needs no indicator: the logarithm keeps it, and a single odd value would change the model's widths.
        specs[name] = NumericSpec(transforms=["log"]) if _is_flag(summary) else _without_indicator(spec)
    return specs


def _is_flag(summary: Mapping[str, Any]) -> bool:
    """Of numbers from 0 to 1 those that are 0 or 1 have the largest variance, p (1 - p), and no others have it."""
    quantiles, mean = summary["quantiles"], summary["mean"]
    if not {quantiles[0], quantiles[-1]} <= {0.0, 1.0}:
        return False
    return math.isclose(summary["standard_deviation"] ** 2, mean * (1 - mean), rel_tol=1e-6, abs_tol=1e-15)


def _without_indicator(spec: NumericSpec) -> NumericSpec:
    return spec.model_copy(update={"negative_indicator": False})
