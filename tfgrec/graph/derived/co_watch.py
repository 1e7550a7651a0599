"""Co-watch counts: how many users have both items."""

import numpy as np

from tfgrec.graph.derived.item_events import DerivationBase, ItemEvents, item_events
from tfgrec.graph.derived.neighbour_weights import NeighbourWeights
from tfgrec.graph.store.ordering import differs, numbered
from tfgrec.graph.store.ranges import flat, whole_chunks

# Bounds the memory: some 150 bytes a pair of events.
_MOST_PAIRS = 1 << 20


def co_watch_weights(base: DerivationBase, items: np.ndarray, within: int | None) -> NeighbourWeights:
    """How many users have item and partner, at each snapshot, for items (dense ids `[num_items]`).

    A user has both at a snapshot if an event of each counts there, see UserHistories, and with `within` if two such
    events are that many milliseconds apart at most. A user counts once, however often.

    All snapshots are counted at once: two events count together from the later one's first snapshot to the last of
    whichever ends first, so a pair of items is a sum of steps up and down.
    """
    events = item_events(base, items)
    events = events.chosen(np.lexsort((events.users, events.items)))
    of_user = numbered(events.items, events.users)
    start, end = base.partners.counting(events.users, events.first, events.last)
    if within is not None:
        near = base.partners.edges.visible_bounds(events.users, events.times + within + 1, events.times - within)
        start, end = np.maximum(start, near[0]), np.minimum(end, near[1])
    end = np.maximum(start, end)
    lengths = np.bincount(of_user, end - start).astype(np.int64)
    steps = _Steps(base)
    for users in whole_chunks(lengths, _MOST_PAIRS):
        block = slice(*np.searchsorted(of_user, (users.start, users.stop)))
        steps.add(_spans_of_both(base, events.chosen(block), of_user[block], start[block], end[block]))
    return steps.weights()


_Spans = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _spans_of_both(
    base: DerivationBase, events: ItemEvents, of_user: np.ndarray, start: np.ndarray, end: np.ndarray
) -> _Spans:
    """Items, partners and the spans of snapshots at which one user has both, `[num_spans]` each, each user once."""
    of_event, positions = flat(start, end)
    partners, times = base.partners.edges.targets(positions), base.partners.edges.times(positions)
    first = np.maximum(events.first[of_event], base.snapshots.first_after(times))
    last = base.partners.last_counting(events.users[of_event], positions, times)
    last = np.minimum(last, events.last[of_event])
    kept = first <= last
    if base.same_items:
        kept &= partners != events.items[of_event]
    of_event, partners, first, last = of_event[kept], partners[kept], first[kept], last[kept]
    # A user's number stands for an item as well.
    pairs = of_user[of_event] * base.num_partners + partners
    order = np.lexsort((first, pairs))
    of_event, partners = of_event[order], partners[order]
    begins, first, last = _unions(pairs[order], first[order], last[order])
    return events.numbers[of_event[begins]], partners[begins], first, last


class _Steps:
    """Where the count of a pair of items rises and falls, summed up part by part."""

    def __init__(self, base: DerivationBase) -> None:
        self._num_partners = max(base.num_partners, 1)
        self._first, self._slots = base.snapshots.first, base.snapshots.count + 1
        self._places = np.empty(0, np.int64)
        self._changes = np.empty(0, np.int64)

    def add(self, spans: _Spans) -> None:
        """One more user at each span."""
        items, partners, first, last = spans
        pairs = (items * self._num_partners + partners) * self._slots
        rises, falls = pairs + first - self._first, pairs + last + 1 - self._first
        # The lowest bit tells a fall: plain values are sorted faster than positions.
        sorted_ = np.sort(np.concatenate([rises << 1, falls << 1 | 1]))
        places, changes = _summed(sorted_ >> 1, 1 - 2 * (sorted_ & 1))
        if len(self._places):
            places, changes = np.concatenate([self._places, places]), np.concatenate([self._changes, changes])
            order = np.argsort(places, kind="stable")
            places, changes = _summed(places[order], changes[order])
        self._places, self._changes = places, changes

    def weights(self) -> NeighbourWeights:
        """The counts above zero."""
        pairs, numbers = np.divmod(self._places, self._slots)
        # A pair's last step takes it down to zero, so that the sum over all pairs is each one's own.
        counts = np.cumsum(self._changes)
        items, partners = np.divmod(pairs, self._num_partners)
        last = np.append(numbers[1:], 0)[: len(numbers)] - 1 + self._first
        weights = NeighbourWeights(items, partners, numbers + self._first, last, counts.astype(np.float32))
        return weights.chosen(counts > 0)


def _summed(places: np.ndarray, changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the changes at the same place; places are sorted."""
    starts = np.flatnonzero(differs(places))
    sums = np.add.reduceat(changes, starts) if len(starts) else changes
    kept = sums != 0
    return places[starts][kept], sums[kept]


def _unions(groups: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The unions of each group's spans, which are sorted by group and first.

    Returns:
      A place of the group in the input, first and last of each union.
    """
    # Every group is lifted above the ones before it, so that a running maximum never reaches over.
    lift = np.cumsum(differs(groups)) * (last.max(initial=0) - first.min(initial=0) + 2)
    reached = np.maximum.accumulate(last + lift)
    begin = np.append(True, first[1:] + lift[1:] > reached[:-1])[: len(groups)]
    begins = np.flatnonzero(begin)
    ends = np.append(begins[1:], len(groups))[: len(begins)] - 1
    return begins, first[begins], (reached - lift)[ends]
