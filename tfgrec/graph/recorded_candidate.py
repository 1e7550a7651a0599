"""A candidate as its record tells of it, for what the record holds to be counted again."""

import dataclasses
from collections.abc import Mapping
from typing import Any

UNKNOWN = -2
"""In place of a dense id: a node that the graph does not know, and that has no edges."""


@dataclasses.dataclass(frozen=True)
class RecordedCandidate:
    """Dense ids of user and item, or UNKNOWN, and request features."""

    user: int
    item: int
    item_node_set: str
    features: Mapping[str, Any]
