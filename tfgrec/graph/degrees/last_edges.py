"""What degrees tell of single edges: how long ago one of a row's newest was, and a number that it has."""

from collections.abc import Iterator, Sequence

import numpy as np

from tfgrec.close_match import suggestion
from tfgrec.config.temporal_degrees import NO_EDGE
from tfgrec.graph.degrees.edge_counts import EdgeCounts
from tfgrec.graph.schema import TIME, GraphSchema
from tfgrec.graph.store.adjacency import Adjacency

_MILLISECONDS = 1000


class LastEdges:
    """The newest edges of rows: the newest one is at place 1, the one before it at place 2 and so on.

    Edges of all places are read together. Places above 1 are for edges that lie side by side, as all visible edges of a
    row do.

    Args:
      edges: the edge set.
      counted: how many edges each row has, and which is the newest.
      places: the places that will be asked for.
      times: when each row is asked for, in milliseconds, int64 `[num_rows]`.
    """

    def __init__(self, edges: Adjacency, counted: EdgeCounts, places: Sequence[int], times: np.ndarray) -> None:
        self._edges, self._times = edges, times
        self._rows = {place: row for row, place in enumerate(places)}
        numbers = np.array(places)[:, np.newaxis]
        # Of each place and row whether there is an edge, and the positions of these edges.
        self._seen = counted.counts >= numbers
        self._positions = (counted.newest - (numbers - 1))[self._seen]
        self._tables: dict[str, np.ndarray] = {}

    def seconds_since(self, place: int) -> np.ndarray:
        """Seconds, float64 `[num_rows]`, from each row's edge to its time; -1 where there is no edge."""
        if TIME not in self._tables:
            self._tables[TIME] = self._spread(self._edges.times(self._positions), np.int64)
        row = self._rows[place]
        return np.where(self._seen[row], (self._times - self._tables[TIME][row]) / _MILLISECONDS, NO_EDGE)

    def values(self, place: int, feature: str, missing: float) -> np.ndarray:
        """A number of each row's edge as float32 `[num_rows]`; `missing` where there is no edge."""
        if feature not in self._tables:
            self._tables[feature] = self._spread(self._edges.values(feature, self._positions), np.float32)
        row = self._rows[place]
        return np.where(self._seen[row], self._tables[feature][row], np.float32(missing))

    def _spread(self, values: np.ndarray, dtype: type) -> np.ndarray:
        """What edges have, as a table `[num_places, num_rows]`."""
        table = np.zeros(self._seen.shape, dtype)
        table[self._seen] = values
        return table


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
