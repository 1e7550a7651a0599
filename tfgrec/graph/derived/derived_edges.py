"""Derived edges: at each snapshot, the partners that items share the most users with."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from tfgrec.config.tables import CoWatch, DerivedEdges
from tfgrec.graph.derived.co_watch import co_watch_weights
from tfgrec.graph.derived.item_events import DerivationBase
from tfgrec.graph.derived.neighbour_weights import NeighbourWeights, strongest
from tfgrec.graph.derived.snapshots import Snapshots
from tfgrec.graph.derived.swing import swing_weights
from tfgrec.graph.derived.user_histories import UserHistories
from tfgrec.graph.store.adjacency import Adjacency
from tfgrec.graph.store.ranges import whole_chunks

WEIGHT = "weight"
_MILLISECONDS = 1_000
_MOST_EVENTS = 1 << 15


@dataclasses.dataclass(frozen=True)
class DerivedColumns:
    """Derived edges, `[num_edges]` each: dense ids, milliseconds, float32."""

    sources: np.ndarray
    targets: np.ndarray
    times: np.ndarray
    weights: np.ndarray


def derive_edges(
    definition: DerivedEdges,
    base: DerivationBase,
    items: np.ndarray,
) -> DerivedColumns:
    """The edges that leave items (dense ids `[num_items]`), at all snapshots.

    They depend on neither the other items asked for nor the number of the store's shards.
    """
    nothing = np.empty(0, np.int64)
    parts = [DerivedColumns(nothing, nothing, nothing, np.empty(0, np.float32))]
    start, end = base.users_of.row_bounds(items)
    for chunk in whole_chunks(end - start + 1, _MOST_EVENTS):
        of_chunk = items[chunk]
        for weights in _weights(definition, base, of_chunk):
            enough = weights.chosen(weights.weights >= definition.min_weight)
            for kept in strongest(enough, len(of_chunk), definition.max_neighbours):
                times = base.snapshots.times(kept.first)
                parts.append(DerivedColumns(of_chunk[kept.items], kept.partners, times, kept.weights))
    names = [field.name for field in dataclasses.fields(DerivedColumns)]
    return DerivedColumns(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def derivation_base(
    definition: DerivedEdges,
    adjacencies: Mapping[str, Adjacency],
    reverse: str,
    *,
    num_partners: int,
    same_items: bool,
    where: str,
) -> DerivationBase:
    """What edges are derived from.

    Args:
      adjacencies: the edge sets that `definition.base` names, and `reverse`, the reverse of the first of them.
      num_partners: the number of nodes that the second of them leads to.
      same_items: whether both lead to the same node set.
      where: named in errors.

    Raises:
      ConfigurationError: the edges' times make too many snapshots.
    """
    milliseconds = round(definition.refresh_seconds * _MILLISECONDS)
    from_, to = (adjacencies[name] for name in definition.base)
    snapshots = Snapshots.spanning([from_, to], milliseconds, where)
    history = None if definition.history_seconds is None else round(definition.history_seconds * _MILLISECONDS)
    users_did = [UserHistories(edges, snapshots, history, definition.max_items_per_user) for edges in (from_, to)]
    return DerivationBase(snapshots, adjacencies[reverse], *users_did, num_partners, same_items)


def _weights(definition: DerivedEdges, base: DerivationBase, items: np.ndarray) -> Iterator[NeighbourWeights]:
    if isinstance(definition, CoWatch):
        within = definition.within_seconds
        yield co_watch_weights(base, items, None if within is None else round(within * _MILLISECONDS))
    else:
        yield from swing_weights(base, items, definition.damping, definition.max_users_per_item)
