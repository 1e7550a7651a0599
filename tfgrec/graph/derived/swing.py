"""Swing: items that users share who share little else."""

from collections.abc import Iterator

import numpy as np

from tfgrec.graph.derived.item_events import DerivationBase, ItemEvents, item_events
from tfgrec.graph.derived.neighbour_weights import NeighbourWeights
from tfgrec.graph.store.ordering import differs, numbered
from tfgrec.graph.store.ranges import flat, whole_chunks

# Bounds the memory: some 60 bytes a swing (a partner with two users who share it).
_MOST_SWINGS = 1 << 20


def swing_weights(
    base: DerivationBase, items: np.ndarray, damping: float, max_users: int
) -> Iterator[NeighbourWeights]:
    """Swing's weights at each snapshot in turn, for items (dense ids `[num_items]`).

    weight(i, j) = sum over pairs of users u < v with both i and j of 1 / (damping + |I_u and I_v|), where I_u are the
    items of u along `to`: the unweighted form of Yang et al., "Large Scale Product Graph Construction for
    Recommendation in E-commerce" (arXiv 2010.05525), each pair of users once. An item's users are the `max_users`
    whose newest events on it are the newest; of equally new ones those with the largest hashes of raw ids.
    """
    events = item_events(base, items)
    for number in range(base.snapshots.first, base.snapshots.last + 1):
        members = _newest_users(events.chosen((events.first <= number) & (number <= events.last)), max_users)
        yield _weights_at(base, members, number, damping)


def _newest_users(events: ItemEvents, max_users: int) -> ItemEvents:
    """The newest event of each of an item's newest users."""
    order = np.lexsort((events.users, events.items))
    # The sort is stable: a user's last event is the newest.
    last = differs(events.items[order[::-1]], events.users[order[::-1]])[::-1]
    newest = events.chosen(np.sort(order[last]))
    count = np.bincount(newest.numbers)
    newer = np.cumsum(count)[newest.numbers] - 1 - np.arange(len(newest.items))
    return newest.chosen(newer < max_users)


def _weights_at(base: DerivationBase, members: ItemEvents, snapshot: int, damping: float) -> NeighbourWeights:
    """Weights at one snapshot; `members` are the users of the items, sorted by item."""
    at = np.full(len(members.items), snapshot)
    of_member, positions = flat(*base.partners.counting(members.users, at, at))
    num_partners = max(base.num_partners, 1)
    # What each member has, once: sorted by member, then by item and partner.
    had = np.unique(of_member * num_partners + base.partners.edges.targets(positions))
    of_member, partners = np.divmod(had, num_partners)
    pairs = members.numbers[of_member] * num_partners + partners
    order = np.argsort(pairs, kind="stable")
    pairs, of_member = pairs[order], of_member[order]
    weights = _swing_sums(members, of_member, pairs, damping)
    first = differs(pairs)
    numbers, partners = np.divmod(pairs[first], num_partners)
    kept = weights > 0
    if base.same_items:
        kept &= partners != members.items[of_member[first]]
    snapshots = np.full(len(numbers), snapshot)
    return NeighbourWeights(numbers, partners, snapshots, snapshots, weights.astype(np.float32)).chosen(kept)


def _swing_sums(members: ItemEvents, of_member: np.ndarray, pairs: np.ndarray, damping: float) -> np.ndarray:
    """The weight, float64, of each distinct pair of item and partner in `pairs [num_had]`.

    `of_member [num_had]` are the users who have the partner; sorted by pair, then user.
    """
    ranks, earlier_pairs = _user_pairs(members)
    numbers, ranks, of_pair = members.numbers[of_member], ranks[of_member], numbered(pairs)
    user_pairs = earlier_pairs[numbers] + ranks * (ranks - 1) // 2
    first, places = np.flatnonzero(differs(pairs))[of_pair], np.arange(len(pairs))
    sums = np.zeros(len(pairs))
    for items in whole_chunks(np.bincount(numbers, places - first).astype(np.int64), _MOST_SWINGS):
        block = slice(*np.searchsorted(numbers, (items.start, items.stop)))
        # A swing: somebody who has the partner, and a member of lower rank who has it too.
        someone, other = flat(first[block], places[block])
        users = (user_pairs[block] - earlier_pairs[items.start])[someone] + ranks[other]
        strengths = 1 / (damping + np.bincount(users))
        sums[block] = np.bincount(someone, strengths[users], minlength=len(ranks[block]))
    return np.bincount(of_pair, sums)


def _user_pairs(members: ItemEvents) -> tuple[np.ndarray, np.ndarray]:
    """The place of each member among its item's; and how many pairs of members the items before each item have."""
    counts = np.bincount(members.numbers)
    ranks = np.arange(len(members.numbers)) - (np.cumsum(counts) - counts)[members.numbers]
    pairs = counts * (counts - 1) // 2
    return ranks, np.cumsum(pairs) - pairs
