"""Users and items that the graph does not know, where `requests.unknown` has them scored: nodes of a shard's own."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.config.tables import Requests
from tfgrec.graph.schema import ID
from tfgrec.graph.store.columns import SCALARS
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.node_index import hash_ids
from tfgrec.graph.unknown_nodes import UnknownNodes

# The raw ids, as text, of users and items that are -1; null where they are known.
USER_ID, ITEM_ID = "#user_id", "#item_id"


def hashes_of_users(store: GraphStore, node_set: str, users: np.ndarray, raw: pa.Array | None) -> np.ndarray:
    """The hashes of users' ids, uint64 `[num_rows]`: dense ids, and where these are -1 raw ids as text."""
    known = users >= 0
    hashes = np.empty(len(users), np.uint64)
    hashes[known] = store.node_index(node_set).hashes(users[known])
    if raw is not None:
        hashes[~known] = hash_ids(_ids(store, node_set, raw.filter(pa.array(~known))))
    return hashes


def with_unknown(
    candidates: Mapping[str, pa.Array], store: GraphStore, requests: Requests, *, user: str, item: str, source: str
) -> tuple[dict[str, pa.Array], dict[str, UnknownNodes]]:
    """Candidates of a shard without raw ids, and by node set the nodes that stand for those who were -1.

    Nodes come in the order of their ids' hashes, as those of a store do, so that nothing depends on the shards.

    Args:
      candidates: columns of a shard's candidates.
      store: the graph.
      requests: of tables.yaml.
      user, item, source: the names of the columns of users and items, and of the numbers of the requests' sources.
    """
    columns = {name: column for name, column in candidates.items() if name not in (USER_ID, ITEM_ID)}
    if USER_ID not in candidates:
        return columns, {}
    item_sets = np.array([of.item_node_set for of in requests.sources], object)[candidates[source].to_numpy()]
    parts = [(user, USER_ID, requests.user_node_set, np.ones(len(item_sets), bool))]
    parts += [(item, ITEM_ID, name, item_sets == name) for name in sorted(set(item_sets))]
    dense = {name: candidates[name].to_numpy().copy() for name in (user, item)}
    places: dict[str, list[tuple[str, np.ndarray, np.ndarray]]] = {}
    for name, raw, node_set, of_set in parts:
        rows = np.flatnonzero((dense[name] < 0) & of_set)
        if len(rows):
            ids = _ids(store, node_set, candidates[raw].take(pa.array(rows)))
            places.setdefault(node_set, []).append((name, rows, ids))
    unknown = {}
    for node_set, of_node_set in places.items():
        distinct, numbers = np.unique(np.concatenate([ids for _, _, ids in of_node_set]), return_inverse=True)
        order = np.argsort(hash_ids(distinct), kind="stable")
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        ends = np.cumsum([len(ids) for _, _, ids in of_node_set])
        for (name, rows, _), of_rows in zip(of_node_set, np.split(ranks[numbers], ends[:-1]), strict=True):
            dense[name][rows] = store.num_nodes(node_set) + of_rows
        unknown[node_set] = UnknownNodes.of_ids(distinct[order].tolist(), store.schema.node_sets[node_set])
    return {**columns, **{name: pa.array(values) for name, values in dense.items()}}, unknown


def _ids(store: GraphStore, node_set: str, texts: pa.Array) -> np.ndarray:
    """Raw ids as `hash_ids` takes them."""
    ids = pc.cast(texts, SCALARS[store.schema.node_sets[node_set].features[ID].dtype])
    return ids.to_numpy(zero_copy_only=False)
