"""What degrees tell of single edges: how long ago one of a row's newest was, and a number that it has."""

from collections.abc import Iterator

import numpy as np

from tfgrec.close_match import suggestion
from tfgrec.config.tables import NO_EDGE
from tfgrec.graph.degrees.edge_counts import EdgeCounts
from tfgrec.graph.schema import TIME, GraphSchema
from tfgrec.graph.store.adjacency import Adjacency

_MILLISECONDS = 1000


def nth_last(counted: EdgeCounts, place: int) -> np.ndarray:
    """Position of the newest edge (place 1), of the one before it (place 2) and so on; -1 where there is none.

    Places above 1 are for edges that lie side by side, as all visible edges of a row do. int64 `[num_rows]`.
    """
    return np.where(counted.counts >= place, counted.newest - (place - 1), -1)


def seconds_since(edges: Adjacency, positions: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Seconds, float64 `[num_rows]`, from each edge to its row's time; -1 where there is no edge."""
    seconds = np.full(len(positions), NO_EDGE)
    seen = np.flatnonzero(positions >= 0)
    seconds[seen] = (times[seen] - edges.times(positions[seen])) / _MILLISECONDS
    return seconds


def edge_values(edges: Adjacency, positions: np.ndarray, feature: str, missing: float) -> np.ndarray:
    """An edge feature as float32 `[num_rows]`; `missing` where there is no edge."""
    values = np.full(len(positions), missing, np.float32)
    seen = np.flatnonzero(positions >= 0)
    values[seen] = edges.feature(feature, positions[seen]).to_numpy(zero_copy_only=False)
    return values


def edge_number_mismatches(schema: GraphSchema, feature: str | None, edge_set: str) -> Iterator[str]:
    """What keeps a feature of a known edge set's edges from being told as a number, one message."""
    features = schema.edge_sets[edge_set].features
    numbers = [
        name
        for name, of_edge in features.items()
        if name != TIME and of_edge.dtype != "string" and not of_edge.multi_valued
    ]
    if feature is not None and feature not in numbers:
        yield f"feature: '{feature}' is no scalar number of '{edge_set}': {suggestion(feature, numbers)}"
