"""What users did along one edge set, and which of it counts at which snapshot."""

import dataclasses

import numpy as np

from tfgrec.graph.derived.snapshots import Snapshots
from tfgrec.graph.store.adjacency import Adjacency
from tfgrec.graph.store.ranges import flat


@dataclasses.dataclass(frozen=True)
class UserHistories:
    """At a snapshot at time b there count a user's newest `max_items` edges of those with b - history <= time < b.

    `edges` leave users and have times; `history` is in milliseconds, None for no limit.
    """

    edges: Adjacency
    snapshots: Snapshots
    history: int | None
    max_items: int

    def counting(self, users: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position of each user's edges that count at some snapshot from `first` to `last`.

        All int64 `[num_users]`. Where `first` equals `last`, every edge between the positions counts.
        """
        at_first = self.snapshots.times(first)
        oldest = None if self.history is None else at_first - self.history
        start, newest = self.edges.visible_bounds(users, at_first, oldest)
        end = self.edges.visible_bounds(users, self.snapshots.times(last))[1]
        return np.maximum(start, newest - self.max_items), end

    def last_counting(self, users: np.ndarray, positions: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The last snapshot, int64 `[num_edges]`, at which each edge of a user counts; may lie before its first."""
        last = np.full(len(positions), self.snapshots.last, np.int64)
        if self.history is not None:
            last = np.minimum(last, (times + self.history) // self.snapshots.interval)
        # An edge no longer counts once as many newer ones do.
        pushing = positions + self.max_items
        pushed = np.flatnonzero(pushing < self.edges.row_bounds(users)[1])
        last[pushed] = np.minimum(last[pushed], self.edges.times(pushing[pushed]) // self.snapshots.interval)
        return last

    def find(self, users: np.ndarray, targets: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Positions, int64 `[num_edges]`, of edges that are there; of several that are alike, the last."""
        start, end = self.edges.visible_bounds(users, times + 1, times)
        of_edge, positions = flat(start, end)
        not_beyond = self.edges.targets(positions) <= targets[of_edge]
        return start + np.bincount(of_edge[not_beyond], minlength=len(users)) - 1
