"""Finds the edges that go with candidate items among those of their owners, by a join of their keys."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tfgrec.graph.degrees.shared_keys import SharedKeys
from tfgrec.graph.store.ordering import numbered
from tfgrec.graph.store.ranges import CHUNK, flat, flat_chunks


class SharedEdges:
    """Edges shared with the candidates of a batch. A pair is an owner and a value that some of its candidates have.

    Args:
      owners: whose edges are looked at for each candidate, int64 `[num_candidates]`: its request (the edges are the
        user's), or the candidate itself (they are its item's).
      keys: what makes an edge one that goes with a candidate.

    Attributes:
      pairs: the pair of each candidate, int64 `[num_candidates]`.
      owners: the owner of each pair, int64 `[num_pairs]`.
    """

    def __init__(self, owners: np.ndarray, keys: SharedKeys) -> None:
        self._keys = keys
        num_values = int(keys.values.max(initial=0)) + 1
        self.pairs, distinct = pd.factorize(owners * num_values + keys.values)
        self.owners = distinct // num_values
        pairs, of_pairs = keys.of_values(distinct % num_values, self.owners)
        joined = self.owners[pairs] * keys.bound + of_pairs
        order = np.argsort(joined, kind="stable")
        self._pairs_by_key = pairs[order]
        self._sorted_keys = joined[order]
        # Most edges are shared with nobody: the last bits of their keys tell so.
        self._last_bits = (1 << (32 * len(joined) + 1).bit_length()) - 1
        self._known = np.zeros(self._last_bits + 1, bool)
        self._known[joined & self._last_bits] = True
        # Every edge with a key may be shared with as many pairs.
        pairs_of_keys = np.bincount(numbered(self._sorted_keys))
        self._limit = max(CHUNK // int(pairs_of_keys.max(initial=1)), 1)

    def find(self, edge_set: str, start: np.ndarray, end: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields pairs and positions, int64 `[num_shared]` each: what a pair shares of a set's `[start, end)`.

        Every edge comes once with a pair. `start` and `end [num_owners]` bound what the owners have.
        """
        # In the order of the edges, so that memory is read from front to back.
        order = np.argsort(start, kind="stable")
        for places, positions in flat_chunks(start[order], end[order], self._limit):
            owners = order[places]
            for edges, keys in self._keys.of_edges(edge_set, positions, owners, self._limit):
                keys = owners[edges] * self._keys.bound + keys
                likely = np.flatnonzero(self._known[keys & self._last_bits])
                first = np.searchsorted(self._sorted_keys, keys[likely])
                last = np.searchsorted(self._sorted_keys, keys[likely], side="right")
                matches, at = flat(first, last)
                pairs, shared = self._pairs_by_key[at], edges[likely][matches]
                if not self._keys.single:
                    both = pd.unique(pairs * len(positions) + shared)
                    pairs, shared = both // len(positions), both % len(positions)
                yield pairs, positions[shared]
