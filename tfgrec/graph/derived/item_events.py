"""What a derived edge set is made from, and the events of items in it."""

import dataclasses

import numpy as np

from tfgrec.graph.derived.snapshots import Snapshots
from tfgrec.graph.derived.user_histories import UserHistories
from tfgrec.graph.store.adjacency import Adjacency
from tfgrec.graph.store.ranges import flat


@dataclasses.dataclass(frozen=True)
class DerivationBase:
    """The edge sets `from` and `to` of a derived edge set, both from users to items.

    Attributes:
      snapshots: when edges are derived.
      users_of: the reverse of `from`: from items to users.
      histories: what users did along `from`.
      partners: what users did along `to`.
      num_partners: the number of nodes that `to` leads to.
      same_items: whether `from` and `to` lead to the same node set.
    """

    snapshots: Snapshots
    users_of: Adjacency
    histories: UserHistories
    partners: UserHistories
    num_partners: int
    same_items: bool


@dataclasses.dataclass(frozen=True)
class ItemEvents:
    """Edges of `from` that lead to some items, `[num_events]` each, sorted by item, then time and user.

    `items` are dense ids, `numbers` their places from 0 among the items that were asked for; an event counts at the
    snapshots from `first` to `last`.
    """

    numbers: np.ndarray
    items: np.ndarray
    users: np.ndarray
    times: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def chosen(self, places: np.ndarray | slice) -> "ItemEvents":
        """Some of the events."""
        columns = (self.numbers, self.items, self.users, self.times, self.first, self.last)
        return ItemEvents(*(column[places] for column in columns))


def item_events(base: DerivationBase, items: np.ndarray) -> ItemEvents:
    """The events of items (dense ids `[num_items]`) that count at some snapshot."""
    numbers, positions = flat(*base.users_of.row_bounds(items))
    users, times = base.users_of.targets(positions), base.users_of.times(positions)
    places = base.histories.find(users, items[numbers], times)
    first = base.snapshots.first_after(times)
    last = base.histories.last_counting(users, places, times)
    return ItemEvents(numbers, items[numbers], users, times, first, last).chosen(first <= last)
