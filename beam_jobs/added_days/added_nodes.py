"""Node shards of a store to which rows are added: a row takes the place of the old node that has its id."""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tfgrec import files
from tfgrec.graph.schema import ID, GraphSchema
from tfgrec.graph.store import layout, store_files
from tfgrec.graph.store.columns import column_of
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.node_index import NodeIndex
from tfgrec.graph.store.renumbering import Renumbering

_RANK, _IS_NEW = "rank", "is_new"


@dataclasses.dataclass(frozen=True)
class NodeChanges:
    """What became of a node set: how old dense ids are renumbered, and the new dense ids, rising, of the rows read."""

    renumbering: Renumbering
    named: np.ndarray


class AddedNodes:
    """Merges rows into the node shards of the store `old`; the merged store is written to `new`, as many shards.

    What it did is noted in files below `work`, for `read_changes`. Objects can be pickled.
    """

    def __init__(self, old: str, new: str, work: str, schema: GraphSchema, shards: int) -> None:
        self._old, self._new, self._work = old, new, work
        self._schema, self._shards = schema, shards

    def merge(self, node_set: str, shard: int, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """The old shard's nodes, without those that `columns [num_rows]` name, and after them the rows."""
        path = layout.node_shard_path(self._old, node_set, shard, self._shards)
        old = self._old_store.map_file(path)
        stays = np.ones(old.num_rows, bool)
        ranks = self._ranks(old, path, node_set, columns[ID])
        stays[ranks[ranks >= 0]] = False
        kept = {name: column_of(old, name).filter(pa.array(stays)) for name in columns}
        return {name: pa.concat_arrays([kept[name], column.cast(kept[name].type)]) for name, column in columns.items()}

    def note_changes(self, node_set: str, shard: int, ids: pa.Array) -> None:
        """Notes where the rows' `ids [num_rows]` stand in the new shard, which is written, and which ones are new."""
        old, new = (layout.node_shard_path(store, node_set, shard, self._shards) for store in (self._old, self._new))
        ranks = self._ranks(store_files.map_columns(new), new, node_set, ids)
        is_new = self._ranks(self._old_store.map_file(old), old, node_set, ids) < 0
        order = np.argsort(ranks)
        columns = {_RANK: pa.array(ranks[order], pa.int64()), _IS_NEW: pa.array(is_new[order])}
        store_files.write_columns(self._changes_path(node_set, shard), columns)

    def read_changes(self, node_set: str) -> NodeChanges:
        """What all shards' changes come to, once all of them are written."""
        inserted, named, old_offset, new_offset = [], [], 0, 0
        counts = self._old_store.manifest["node_sets"][node_set]["shards"]
        for shard in range(self._shards):
            changes = store_files.map_columns(self._changes_path(node_set, shard))
            ranks = column_of(changes, _RANK).to_numpy()
            new = ranks[column_of(changes, _IS_NEW).to_numpy(zero_copy_only=False)]
            inserted.append(old_offset + new - np.arange(len(new)))
            named.append(new_offset + ranks)
            old_offset += counts[shard]["count"]
            new_offset += counts[shard]["count"] + len(new)
        return NodeChanges(Renumbering(np.concatenate(inserted)), np.concatenate(named))

    @functools.cached_property
    def _old_store(self) -> GraphStore:
        return GraphStore.open(self._old)

    def _ranks(self, shard: pa.RecordBatch, path: str, node_set: str, ids: pa.Array) -> np.ndarray:
        """Where ids stand in one shard, whose file is named in errors, -1 for those that are not there."""
        index = NodeIndex([shard], self._schema.node_sets[node_set].features[ID].dtype, path)
        return index.lookup(ids.to_numpy(zero_copy_only=False))

    def _changes_path(self, node_set: str, shard: int) -> str:
        return files.child(self._work, "node_changes", node_set, f"{shard}.arrow")
