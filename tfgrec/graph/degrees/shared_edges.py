"""Finds the edges that go with candidate items among those of their owners, by a join of their keys."""

from collections.abc import Iterator

import numpy as np

from tfgrec.graph.degrees.shared_keys import SharedKeys
from tfgrec.graph.store.ordering import distinct_values, factorized, numbered
from tfgrec.graph.store.ranges import CHUNK, flat, flat_chunks


class SharedEdges:
    """Edges shared with the candidates of a batch. A pair is an owner and a value that some of its candidates have.

    Edges are found for groups: a group is a pair, or, with `by_key`, an owner and one key of its candidates.

    Args:
      owners: whose edges are looked at for each candidate, int64 `[num_candidates]`: its request (the edges are the
        user's), or the candidate itself (they are its item's).
      keys: what makes an edge one that goes with a candidate.
      by_key: whether candidates want what they share by each of their keys.

    Attributes:
      owners: the owner of each group, int64 `[num_groups]`.
      candidates: a candidate, and
      groups: a group of it, int64 `[num_candidate_groups]` each, in the order of the candidates: without `by_key` one
        group a candidate.
    """

    def __init__(self, owners: np.ndarray, keys: SharedKeys, *, by_key: bool = False) -> None:
        self._keys = keys
        num_values = int(keys.values.max(initial=0)) + 1
        of_candidates, distinct = factorized(owners * num_values + keys.values)
        self.owners = distinct // num_values
        self.candidates, self.groups = np.arange(len(of_candidates)), of_candidates
        groups, of_groups = keys.of_values(distinct % num_values, self.owners)
        joined = self.owners[groups] * keys.bound + of_groups
        if by_key:
            pairs, (groups, joined) = groups, factorized(joined)
            self.owners = joined // keys.bound
            self.candidates, self.groups = _groups_of(of_candidates, len(distinct), pairs, groups)
            groups = np.arange(len(joined))
        order = np.argsort(joined, kind="stable")
        self._groups_by_key = groups[order]
        self._sorted_keys = joined[order]
        # Most edges are shared with nobody: the last bits of their keys tell so.
        self._last_bits = (1 << (32 * len(joined) + 1).bit_length()) - 1
        self._known = np.zeros(self._last_bits + 1, bool)
        self._known[joined & self._last_bits] = True
        # Every edge with a key may be shared with as many groups.
        groups_of_keys = np.bincount(numbered(self._sorted_keys))
        self._limit = max(CHUNK // int(groups_of_keys.max(initial=1)), 1)

    def find(self, edge_set: str, start: np.ndarray, end: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields groups and positions, int64 `[num_shared]` each: what a group shares of a set's `[start, end)`.

        Every edge comes once with a group. `start` and `end [num_owners]` bound what the owners have.
        """
        # In the order of the edges, so that memory is read from front to back.
        order = start.argsort(kind="stable")
        for places, positions in flat_chunks(start[order], end[order], self._limit):
            owners = order[places]
            for edges, keys in self._keys.of_edges(edge_set, positions, owners, self._limit):
                keys = owners[edges] * self._keys.bound + keys
                [likely] = self._known[keys & self._last_bits].nonzero()
                if not len(likely):
                    continue
                first = self._sorted_keys.searchsorted(keys[likely])
                last = self._sorted_keys.searchsorted(keys[likely], side="right")
                matches, at = flat(first, last)
                groups, shared = self._groups_by_key[at], edges[likely][matches]
                if not self._keys.single:
                    both = distinct_values(groups * len(positions) + shared)
                    groups, shared = both // len(positions), both % len(positions)
                yield groups, positions[shared]


def _groups_of(
    of_candidates: np.ndarray, num_pairs: int, pairs: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates and the groups of their pairs; `pairs`, ascending, and `groups` may name a group of a pair twice."""
    bound = int(groups.max(initial=0)) + 1
    distinct = distinct_values(pairs * bound + groups)
    splits = np.searchsorted(distinct // bound, np.arange(num_pairs + 1))
    candidates, places = flat(splits[of_candidates], splits[of_candidates + 1])
    return candidates, (distinct % bound)[places]
