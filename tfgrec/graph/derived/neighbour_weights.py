"""Weights of pairs of items over the snapshots, and the strongest of them."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from tfgrec.graph.sampling.weighted_choice import are_highest
from tfgrec.graph.store.ordering import stable_order
from tfgrec.graph.store.ranges import flat

# Bounds the memory: some 100 bytes an expanded weight.
_MOST_EXPANDED = 1 << 20
_MOST_LISTS = 1 << 16


@dataclasses.dataclass(frozen=True)
class NeighbourWeights:
    """The weight of each pair (item, partner) at the snapshots `first` to `last`: `[num_weights]` each.

    Sorted by item and partner; a pair's spans don't overlap. `items` are numbers from 0 among some items, `partners`
    dense ids.
    """

    items: np.ndarray
    partners: np.ndarray
    first: np.ndarray
    last: np.ndarray
    weights: np.ndarray

    def chosen(self, places: np.ndarray | slice) -> "NeighbourWeights":
        """Some of the weights."""
        columns = (self.items, self.partners, self.first, self.last, self.weights)
        return NeighbourWeights(*(column[places] for column in columns))


def strongest(weights: NeighbourWeights, num_items: int, max_neighbours: int) -> Iterator[NeighbourWeights]:
    """Of each item's weights at each snapshot the `max_neighbours` highest, spans of one snapshot, in parts.

    Of equal weights those with the lowest dense ids are taken: that is, with the smallest hashes of raw ids.
    """
    if not len(weights.items):
        return
    # The choice takes the last of equal ones.
    weights = weights.chosen(slice(None, None, -1))
    step = min(_MOST_EXPANDED // len(weights.items), _MOST_LISTS // num_items)
    step = max(step, 1)
    for number in range(int(weights.first.min()), int(weights.last.max()) + 1, step):
        first, last = np.maximum(weights.first, number), np.minimum(weights.last, number + step - 1)
        places, numbers = flat(first, np.maximum(last + 1, first))
        lists = weights.items[places] * step + numbers - number
        order = stable_order(lists, num_items * step)
        kept = order[are_highest(lists[order], weights.weights[places[order]], max_neighbours)]
        places, numbers = places[kept], numbers[kept]
        yield NeighbourWeights(
            weights.items[places], weights.partners[places], numbers, numbers, weights.weights[places]
        )
