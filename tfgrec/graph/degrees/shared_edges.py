"""Finds the edges that requests' users share with candidate items, by a join of their keys."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tfgrec.graph.degrees.shared_keys import SharedKeys
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.ranges import CHUNK, flat, flat_chunks


class SharedEdges:
    """Edges shared with the candidates of a batch. A pair is a request and a value that some of its candidates have.

    Attributes:
      pairs: the pair of each candidate, int64 `[num_candidates]`.
      requests: the request of each pair, int64 `[num_pairs]`.
    """

    def __init__(self, requests: RequestBatch, keys: SharedKeys) -> None:
        self._keys = keys
        num_values = int(keys.values.max(initial=0)) + 1
        self.pairs, distinct = pd.factorize(requests.candidate_requests * num_values + keys.values)
        self.requests = distinct // num_values
        pairs, of_pairs = keys.of_values(distinct % num_values, self.requests)
        joined = self.requests[pairs] * keys.bound + of_pairs
        order = np.argsort(joined, kind="stable")
        self._pairs_by_key = pairs[order]
        distinct_keys, self._first, counts = np.unique(joined[order], return_index=True, return_counts=True)
        self._last = self._first + counts
        self._index = pd.Index(distinct_keys)
        # Most edges are shared with nobody: the last bits of their keys tell so.
        self._last_bits = (1 << (32 * len(distinct_keys) + 1).bit_length()) - 1
        self._known = np.zeros(self._last_bits + 1, bool)
        self._known[distinct_keys & self._last_bits] = True
        # Every edge with a key may be shared with as many pairs.
        self._limit = max(CHUNK // int(counts.max(initial=1)), 1)

    def find(self, start: np.ndarray, end: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields pairs and positions, int64 `[num_shared]` each: the edges among `[start, end)` that a pair shares.

        Every edge comes once with a pair. `start` and `end [num_requests]` bound what the requests' users have.
        """
        # In the order of the edges, so that memory is read from front to back.
        order = np.argsort(start, kind="stable")
        for places, positions in flat_chunks(start[order], end[order], self._limit):
            requests = order[places]
            for edges, keys in self._keys.of_edges(positions, requests, self._limit):
                keys = requests[edges] * self._keys.bound + keys
                likely = np.flatnonzero(self._known[keys & self._last_bits])
                codes = self._index.get_indexer(keys[likely])
                known = codes >= 0
                matches, at = flat(self._first[codes[known]], self._last[codes[known]])
                pairs, shared = self._pairs_by_key[at], edges[likely[known]][matches]
                if not self._keys.single:
                    both = pd.unique(pairs * len(positions) + shared)
                    pairs, shared = both // len(positions), both % len(positions)
                yield pairs, positions[shared]
