"""Labels of sampled rows against what tasks learn: the check of tfgrec-train, before there are records."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfgrec.checks.label_check import check_labels
from tfgrec.config.model import ModelConfig
from tfgrec.config.tables import Requests
from tfgrec.graph.schema import READOUT


def check_sampled_labels(
    model: ModelConfig, requests: Requests, labels: Mapping[str, Sequence[np.ndarray]], candidates: int, *, whole: bool
) -> list[str]:
    """What is worth telling of the labels of `candidates` training rows; `whole` if there are no others.

    Raises:
      InputDataError: as of `check_labels`.
    """
    found = {name: np.concatenate(parts) for name, parts in labels.items()}
    numeric = {name: {"numeric": _statistics(values)} for name, values in found.items() if whole or _tells(values)}
    manifest = {"statistics": {READOUT: numeric}, "splits": {"train": {"num_candidates": candidates}}}
    return check_labels(model, requests, manifest)


def _tells(values: np.ndarray) -> bool:
    """Whether some of a table's rows say something of all: that there is one value alone may be chance."""
    return len(values) > 0 and (values.min() < values.max() or values[0] not in (0, 1))


def _statistics(values: np.ndarray) -> dict[str, Any]:
    if not len(values):
        return {"count": 0}
    return {
        "count": len(values),
        "mean": float(values.mean()),
        "standard_deviation": float(values.std()),
        "quantiles": [float(values.min()), float(values.max())],
    }
