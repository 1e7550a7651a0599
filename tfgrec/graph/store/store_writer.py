"""Writes a graph store, shard by shard, from as many processes as there are shards; the manifest comes last."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tfgrec import files
from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.graph.schema import ID, TARGET, TIME, GraphSchema
from tfgrec.graph.store import layout, store_files
from tfgrec.graph.store.adjacency import ROW_SPLITS, Adjacency, open_adjacency
from tfgrec.graph.store.columns import as_columns, column_of
from tfgrec.graph.store.edge_order import edge_order
from tfgrec.graph.store.node_index import HASH, NodeIndex, as_id_array, hash_ids, open_node_index, shards_of_hashes
from tfgrec.hashed_files import WrittenFile


class GraphStoreWriter:
    """Writes the shards of a store, and at the end its manifest.

    Order of work: all node shards; then edge shards, whose dense ids come from `node_index`; then `finish`, once.
    Each call makes whole files or none, so calls may run in many processes and be repeated; a store without a
    manifest is refused by `GraphStore.open`. Objects can be pickled.
    """

    def __init__(self, path: files.StrPath, schema: GraphSchema, shards: int) -> None:
        self._path = str(path)
        self._schema = schema
        self._shards = shards
        self._indexes: dict[str, NodeIndex] = {}
        self._adjacencies: dict[str, Adjacency] = {}

    def __reduce__(self) -> tuple:
        return GraphStoreWriter, (self._path, self._schema, self._shards)

    @property
    def shards(self) -> int:
        """How many shards each set has."""
        return self._shards

    def shard_of(self, ids: np.ndarray) -> np.ndarray:
        """The shard, int64 `[num_ids]`, that holds each raw id (int64 or strings), the same on all machines."""
        dtype = "int64" if np.asarray(ids).dtype.kind in "iu" else "string"
        return shards_of_hashes(hash_ids(as_id_array(ids, dtype, "shard_of")), self._shards)

    def shard_of_nodes(self, node_set: str, nodes: np.ndarray) -> np.ndarray:
        """The shard, int64 `[num_nodes]`, of dense ids: where the edges that leave these nodes are written."""
        return np.searchsorted(self.node_index(node_set).ranges.offsets, nodes, side="right") - 1

    def node_index(self, node_set: str) -> NodeIndex:
        """Looks up dense ids (`.lookup(ids)`); usable once all shards of the node set are written.

        Raises:
          GraphStoreError: a shard is not written yet.
        """
        if node_set not in self._indexes:
            dtype = self._schema.node_sets[node_set].features[ID].dtype
            self._indexes[node_set] = open_node_index(self._path, node_set, dtype, self._shards)
        return self._indexes[node_set]

    def adjacency(self, edge_set: str) -> Adjacency:
        """Reads edges back; usable once all shards of the edge set, and of the node set it leaves, are written.

        Raises:
          GraphStoreError: a shard is not written yet.
        """
        if edge_set not in self._adjacencies:
            sources = self.node_index(self._schema.edge_sets[edge_set].source).ranges
            self._adjacencies[edge_set] = open_adjacency(self._path, edge_set, sources, self._shards)
        return self._adjacencies[edge_set]

    def nodes_of_shard(self, node_set: str, shard: int) -> np.ndarray:
        """The dense ids of a shard's nodes."""
        return np.arange(*self._source_range(node_set, shard))

    def write_node_shard(
        self, node_set: str, shard: int, ids: np.ndarray, features: Mapping[str, pa.Array]
    ) -> dict[str, Any]:
        """Writes the nodes of one shard, in any order; an empty shard has to be written too.

        Args:
          ids: raw ids `[num_nodes]`, all of them with `shard_of(ids) == shard`, none twice.
          features: by name, each `[num_nodes]`, without `#id`; multi-valued ones are list arrays.

        Returns:
          The shard's entry (plain values) for `finish`.

        Raises:
          GraphStoreError: the store is finished, or an id belongs to another shard.
          InputDataError: an id is there twice, or a feature is missing or of another type.
        """
        self._refuse_finished()
        where = f"node set '{node_set}'"
        declared = dict(self._schema.node_sets[node_set].features)
        ids = as_id_array(ids, declared.pop(ID).dtype, where)
        columns = as_columns(features, declared, len(ids), where)
        hashes = hash_ids(ids)
        order = np.lexsort((pd.factorize(ids, sort=True)[0], hashes))
        hashes, ids = hashes[order], ids[order]
        if len(ids) and (shards_of_hashes(hashes[[0, -1]], self._shards) != shard).any():
            raise GraphStoreError(f"{where}: shard {shard} was given ids of another shard")
        repeated = np.flatnonzero((hashes[1:] == hashes[:-1]) & (ids[1:] == ids[:-1]))
        if len(repeated):
            raise InputDataError(f"{where}: id {ids.tolist()[repeated[0]]!r} is there more than once")
        columns = {name: column.take(pa.array(order)) for name, column in columns.items()}
        path = layout.node_shard_path(self._path, node_set, shard, self._shards)
        raw = pa.array(ids, pa.string() if ids.dtype == object else pa.int64())
        written = store_files.write_columns(path, {HASH: pa.array(hashes), ID: raw, **columns})
        return self._entry("node_sets", node_set, shard, len(ids), {path: written})

    def read_node_shard(self, node_set: str, shard: int) -> dict[str, pa.Array]:
        """The nodes of a shard that is written, in the order of their dense ids: `#id` and features by name."""
        batch = store_files.map_columns(layout.node_shard_path(self._path, node_set, shard, self._shards))
        return {name: column_of(batch, name) for name in self._schema.node_sets[node_set].features}

    def write_edge_shard(
        self,
        edge_set: str,
        shard: int,
        sources: np.ndarray,
        targets: np.ndarray,
        times: np.ndarray | None,
        features: Mapping[str, pa.Array | np.ndarray],
    ) -> dict[str, Any]:
        """Writes the edges that leave one shard's nodes, in any order; an empty shard has to be written too.

        Rows are sorted by source, then time, then target and features: the order of the input makes no difference.

        Args:
          sources: dense ids `[num_edges]`, all of them with `shard_of_nodes(...) == shard`.
          targets: dense ids `[num_edges]`.
          times: milliseconds `[num_edges]`; None for an edge set without times.
          features: by name, each `[num_edges]`, without `time`.

        Returns:
          The shard's entry (plain values) for `finish`.

        Raises:
          GraphStoreError: the store is finished, or a dense id is out of range.
          InputDataError: times or a feature are missing or of another type.
        """
        self._refuse_finished()
        where = f"edge set '{edge_set}'"
        declared = self._schema.edge_sets[edge_set]
        first, last = self._source_range(declared.source, shard)
        sources, targets = np.asarray(sources, np.int64), np.asarray(targets, np.int64)
        _refuse_outside(sources, first, last, f"{where}: sources of shard {shard}")
        _refuse_outside(targets, 0, self.node_index(declared.target).num_nodes, f"{where}: targets")
        given = {**features, TIME: np.asarray(times, np.int64)} if times is not None else features
        columns = as_columns(given, declared.features, len(sources), where)
        order = edge_order(sources, targets, columns)
        paths = [path(self._path, edge_set, shard, self._shards) for path in _EDGE_PATHS]
        row_splits = np.searchsorted(sources[order], np.arange(first, last + 1))
        rows = store_files.write_columns(paths[0], {ROW_SPLITS: pa.array(row_splits, pa.int64())})
        ordered = {name: column.take(pa.array(order)) for name, column in columns.items()}
        edges = store_files.write_columns(paths[1], {TARGET: pa.array(targets[order]), **ordered})
        written = dict(zip(paths, (rows, edges), strict=True))
        return self._entry("edge_sets", edge_set, shard, len(sources), written)

    def finish(
        self,
        entries: Sequence[Mapping[str, Any]],
        statistics: Mapping[str, Any],
        feedback_delays: Mapping[str, int],
        extra: Mapping[str, Any],
    ) -> None:
        """Writes the manifest: from here on the store is whole, and immutable.

        Args:
          entries: what all `write_*_shard` calls returned, in any order; repeated calls may be repeated here.
          statistics: `StatisticsAccumulator.to_json()` of the node sets.
          feedback_delays: milliseconds by edge set; edge sets that are not named have none.
          extra: whatever else the job wants to tell, for example counts of rows kept aside.

        Raises:
          GraphStoreError: a shard is missing, or was written twice with different contents, or a feedback delay is
            of an unknown edge set.
        """
        self._refuse_finished()
        unknown = sorted(set(feedback_delays) - set(self._schema.stored_edge_sets))
        if unknown:
            raise GraphStoreError(f"{self._path}: feedback delays of unknown edge sets {unknown}")
        manifest = {
            "format": layout.FORMAT,
            "version": layout.VERSION,
            "shards": self._shards,
            "schema": self._schema.to_json(),
            "node_sets": self._collect(entries, "node_sets", list(self._schema.stored_node_sets)),
            "edge_sets": self._collect(entries, "edge_sets", list(self._schema.stored_edge_sets)),
            "feedback_delays": {name: int(feedback_delays.get(name, 0)) for name in self._schema.stored_edge_sets},
            "statistics": statistics,
            "extra": extra,
        }
        files.write_json(layout.manifest_path(self._path), layout.sealed(manifest))

    def _collect(self, entries: Sequence[Mapping[str, Any]], kind: str, names: list[str]) -> dict[str, Any]:
        found: dict[tuple[str, int], Mapping[str, Any]] = {}
        for entry in entries:
            name, shard = entry["name"], entry["shard"]
            if entry["kind"] == kind and found.setdefault((name, shard), entry) != entry:
                raise GraphStoreError(f"{self._path}: {kind} {name} shard {shard} was written twice, differently")
        missing = [f"{name} shard {s}" for name in names for s in range(self._shards) if (name, s) not in found]
        if missing:
            raise GraphStoreError(f"{self._path}: {kind} not written: {', '.join(missing[:5])} ({len(missing)} in all)")
        return {name: _summary([found[name, shard] for shard in range(self._shards)]) for name in names}

    def _entry(
        self, kind: str, name: str, shard: int, count: int, written: Mapping[str, WrittenFile]
    ) -> dict[str, Any]:
        described = [
            {"path": store_files.relative(path, self._path), "bytes": file.bytes, "sha256": file.sha256}
            for path, file in written.items()
        ]
        return {"kind": kind, "name": name, "shard": shard, "count": count, "files": described}

    def _source_range(self, node_set: str, shard: int) -> tuple[int, int]:
        offsets = self.node_index(node_set).ranges.offsets
        return int(offsets[shard]), int(offsets[shard + 1])

    def _refuse_finished(self) -> None:
        if files.exists(layout.manifest_path(self._path)):
            raise GraphStoreError(f"{self._path}: holds a finished graph store, which is never changed: choose another")


_EDGE_PATHS = (layout.row_splits_path, layout.edge_shard_path)


def _refuse_outside(nodes: np.ndarray, first: int, last: int, where: str) -> None:
    if len(nodes) and (nodes.min() < first or nodes.max() >= last):
        received = f"{nodes.min()} to {nodes.max()}"
        raise GraphStoreError(f"{where}: expected dense ids {first} to {last - 1}, received {received}")


def _summary(shards: list[Mapping[str, Any]]) -> dict[str, Any]:
    described, offset = [], 0
    for entry in shards:
        described.append({"count": entry["count"], "offset": offset, "files": entry["files"]})
        offset += entry["count"]
    return {"count": offset, "shards": described}
