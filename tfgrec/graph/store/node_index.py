"""Raw ids to dense ids: nodes are numbered in the order of their ids' hashes, so a hash finds its node by search."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tfgrec import files
from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.graph.schema import ID, DType
from tfgrec.graph.store import store_files
from tfgrec.graph.store.columns import column_of
from tfgrec.graph.store.layout import node_shard_path
from tfgrec.graph.store.shards import ShardRanges, as_arrow, gatherable

HASH = "#hash"


def hash_ids(ids: np.ndarray) -> np.ndarray:
    """A hash of raw ids (int64, or objects that are strings), uint64 `[num_ids]`, the same on all machines."""
    return pd.util.hash_array(ids)


def shards_of_hashes(hashes: np.ndarray, shards: int) -> np.ndarray:
    """The shard of each hash, int64. Shards are ranges of hashes: dense ids don't depend on the number of shards."""
    return (((hashes >> np.uint64(32)) * np.uint64(shards)) >> np.uint64(32)).astype(np.int64)


def as_id_array(ids: np.ndarray | Sequence | pa.Array, dtype: DType, where: str) -> np.ndarray:
    """Raw ids as hash_ids wants them; `where` is named in the error.

    Raises:
      InputDataError: an id is missing or not of `dtype`.
    """
    # NumPy's own strings lose NUL characters at their ends.
    array = np.asarray(ids, object if dtype == "string" else None)
    if len(array) == 0:
        return np.empty(0, np.int64 if dtype == "int64" else object)
    if dtype == "int64":
        if array.dtype.kind not in "iu":
            raise InputDataError(f"{where}: expected int64 ids, received {array.tolist()[0]!r}")
        return array.astype(np.int64, copy=False)
    if pd.api.types.infer_dtype(array, skipna=False) != "string":
        wrong = next(value for value in array if not isinstance(value, str))
        raise InputDataError(f"{where}: expected string ids, received {wrong!r}")
    return array


class NodeIndex:
    """The nodes of one node set: how many they are, and the dense ids of raw ids.

    Usable as soon as all shards of the node set are written, before the store is finished. `batches` are the shards'
    files, as the store writer wrote them; `where` is named in errors.
    """

    def __init__(self, batches: Sequence[pa.RecordBatch], dtype: DType, where: str) -> None:
        self._dtype = dtype
        self._where = where
        self.ranges = ShardRanges([batch.num_rows for batch in batches])
        self._hashes = [column_of(batch, HASH).to_numpy() for batch in batches]
        self._ids = [column_of(batch, ID) for batch in batches]
        names = [name for name in batches[0].schema.names if name != HASH]
        self._columns = {name: [gatherable(column_of(batch, name)) for batch in batches] for name in names}

    @property
    def num_nodes(self) -> int:
        """The number of nodes of all shards."""
        return self.ranges.total

    def lookup(self, ids: np.ndarray) -> np.ndarray:
        """Dense ids, int64 `[num_ids]`, of raw ids; -1 where there is no such node."""
        ids = as_id_array(ids, self._dtype, self._where)
        hashes = hash_ids(ids)
        nodes = np.full(len(ids), -1, np.int64)
        shards = shards_of_hashes(hashes, len(self._ids))
        for shard, (known, raw) in enumerate(zip(self._hashes, self._ids, strict=True)):
            chosen = np.flatnonzero(shards == shard)
            if len(chosen) and len(known):
                ranks = _find(known, raw, hashes[chosen], ids[chosen])
                nodes[chosen] = np.where(ranks < 0, -1, ranks + self.ranges.offsets[shard])
        return nodes

    def features(self, nodes: np.ndarray, names: Iterable[str] | None = None) -> dict[str, pa.Array]:
        """Features of dense ids by name, each `[num_nodes]`; multi-valued ones are lists.

        Without `names`, all of them, `#id` included.
        """
        return {name: as_arrow(column) for name, column in self.columns(nodes, names).items()}

    def columns(self, nodes: np.ndarray, names: Iterable[str] | None = None) -> dict[str, np.ndarray | pa.Array]:
        """The same, numbers as NumPy's."""
        selection = self.ranges.select(nodes)
        chosen = self._columns if names is None else names
        return {name: selection.gather_column(self._columns[name]) for name in chosen}

    def hashes(self, nodes: np.ndarray) -> np.ndarray:
        """The hashes, uint64 `[num_nodes]`, of the raw ids of dense ids."""
        return self.ranges.select(nodes).gather(self._hashes)


def _find(known: np.ndarray, raw: pa.Array, hashes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Ranks of ids in one shard, or -1. Ids that share a hash stand side by side and are tried one after another."""
    ranks = np.searchsorted(known, hashes)
    found = np.full(len(ids), -1, np.int64)
    open_ = np.arange(len(ids))
    while len(open_):
        at = ranks[open_]
        at_clipped = np.minimum(at, len(known) - 1)
        open_ = open_[(at < len(known)) & (known[at_clipped] == hashes[open_])]
        candidates = np.asarray(raw.take(pa.array(ranks[open_])))
        same = candidates == ids[open_]
        found[open_[same]] = ranks[open_[same]]
        open_ = open_[~same]
        ranks[open_] += 1
    return found


def open_node_index(
    store: files.StrPath,
    node_set: str,
    dtype: DType,
    shards: int,
    described: Mapping[str, Mapping[str, Any]] | None = None,
) -> NodeIndex:
    """The index of a node set whose shards are all written.

    `described` is what the store's manifest says of its files, by their names there, once there is one.

    Raises:
      GraphStoreError: a shard is not written yet.
    """
    paths = [node_shard_path(store, node_set, shard, shards) for shard in range(shards)]
    # Elsewhere each such question is a request; mapping the file tells as well.
    missing = next((path for path in paths if files.is_local(path) and not files.exists(path)), None)
    if missing:
        raise GraphStoreError(f"{missing}: this shard of node set '{node_set}' is not written")
    return NodeIndex(store_files.map_shards(store, paths, described), dtype, paths[0])
