"""Items at the ends of users' edges that a time lets be seen: what a user has met, and how many users met an item."""

from collections.abc import Sequence

import numpy as np

from tfgrec.config.training import PopularityConfig
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.ranges import CHUNK, flat, flat_chunks

_SECONDS_PER_HOUR = 3600


def seen_items(
    store: GraphStore, edge_sets: Sequence[str], item_node_set: str, users: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which items of a node set each user has an edge to that a request at the user's time sees.

    Args:
      store: the graph.
      edge_sets: edge sets that leave the users; those that lead to other node sets are passed over.
      item_node_set: which items.
      users: dense ids, int64 `[num_users]`.
      times: milliseconds since 1970, int64 `[num_users]`.

    Returns:
      The place of a user in `users` and the dense id of an item, int64 `[num_pairs]` each; a pair may come twice.
    """
    rows, items = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for edge_set in _leading_to(store, edge_sets, item_node_set):
        of_row, positions = flat(*store.visible_rows(edge_set, users, times))
        rows.append(of_row)
        items.append(store.adjacency(edge_set).targets(positions))
    return np.concatenate(rows), np.concatenate(items)


def edges_by_item(store: GraphStore, popularity: PopularityConfig, item_node_set: str, time: int) -> np.ndarray:
    """How many edges that a request at `time` sees lead to each item, int64 `[num_items]`, all users together."""
    counts = np.zeros(store.num_nodes(item_node_set), np.int64)
    window = None if popularity.window_hours is None else popularity.window_hours * _SECONDS_PER_HOUR
    for name in _leading_to(store, [popularity.edge_set], item_node_set):
        users = np.arange(store.num_nodes(store.schema.edge_sets[name].source))
        rows = store.visible_rows(name, users, np.full(len(users), time, np.int64), window)
        for _, positions in flat_chunks(*rows, CHUNK):
            counts += np.bincount(store.adjacency(name).targets(positions), minlength=len(counts))
    return counts


def _leading_to(store: GraphStore, edge_sets: Sequence[str], item_node_set: str) -> list[str]:
    return [name for name in edge_sets if store.schema.edge_sets[name].target == item_node_set]
