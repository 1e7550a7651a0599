"""The graph on disk, memory-mapped: what sampling, degrees and encoding read."""

import contextlib
import functools
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tfgrec import files
from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.generations import open_current
from tfgrec.graph.schema import ID, GraphSchema
from tfgrec.graph.store import layout, store_files
from tfgrec.graph.store.adjacency import Adjacency, open_adjacency
from tfgrec.graph.store.edge_sums import EdgeSums
from tfgrec.graph.store.node_index import NodeIndex, open_node_index
from tfgrec.graph.store.shards import ShardRanges
from tfgrec.manifest_files import ManifestFile, damaged

_MILLISECONDS = 1000
_ANEW = "build the store again, or run the command that made it again with --verify"


class GraphStore:
    """A finished graph store. Opening maps files and reads none of them; objects can be pickled.

    If `checked`, all files of a set are read and compared with their checksums before the first of them is mapped, once
    a process. Those of object stores always are, when they are fetched.

    Attributes:
      schema: the whole schema, readout and context included.
      statistics: `{node set: {feature: {"numeric": ..., "categorical": ...}}}`, see `tfgrec.graph.statistics`.
      feedback_delays: milliseconds after its time at which an edge becomes visible, by edge set.
      path: the folder of its files: of a store on an object store, that of its generation.
      manifest: all that the manifest says.
    """

    def __init__(self, path: files.StrPath, manifest: dict[str, Any], *, checked: bool = False) -> None:
        self.path, self._checked = str(path), checked
        self.manifest = manifest
        self.schema = GraphSchema.from_json(manifest["schema"])
        self.statistics: dict[str, Any] = manifest["statistics"]
        self.feedback_delays: dict[str, int] = manifest["feedback_delays"]
        self._described: dict[str, dict[str, Any]] = {described["path"]: described for described in self._files()}
        self._indexes: dict[str, NodeIndex] = {}
        self._adjacencies: dict[str, Adjacency] = {}
        self._edge_sums: dict[tuple[str, str], EdgeSums] = {}

    def __reduce__(self) -> tuple:
        return functools.partial(GraphStore.open, checked=self._checked), (self.path,)

    @classmethod
    def open(cls, path: files.StrPath, *, checked: bool = False) -> "GraphStore":
        """Opens the store in folder `path` by its manifest, and looks at all files that this one lists.

        Raises:
          GraphStoreError: there is none, it was not finished, it is of another format, or a file is missing or cut.
        """
        try:
            return open_current(path, functools.partial(cls._open, checked=checked))
        except InputDataError as error:
            raise GraphStoreError(str(error)) from error

    @classmethod
    def _open(cls, folder: str, *, checked: bool) -> "GraphStore":
        store = cls(folder, _read_manifest(folder), checked=checked)
        there = files.files_below(folder)
        for file in store._listed(store._files()):
            found = there.get(file.path)
            if (damage := file.seen_damage(-1 if found is None else found.bytes)) is not None:
                raise GraphStoreError(f"{file.path}: {damage}: {_ANEW}")
        return store

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Around what reads the graph and must see it as of one moment: a store never changes."""
        yield

    def verify(self, edge_sets: Container[str] | None = None) -> None:
        """Reads all files, or those of some edge sets and of all node sets, and compares them with their checksums.

        Raises:
          GraphStoreError: names the damaged files.
        """
        listed = self._listed(self._files(edge_sets))
        if files.is_local(self.path):
            _refuse_damaged(listed, again=True)
            return
        for file in listed:
            # Compares what it fetches; a job that reads the file finds it there.
            self.map_file(file.path)

    def shard_entries(self) -> Iterator[dict[str, Any]]:
        """What `GraphStoreWriter.finish` takes of each shard, for a store that takes this one's shards over."""
        for kind in ("node_sets", "edge_sets"):
            for name, described in self.manifest[kind].items():
                for shard, of_shard in enumerate(described["shards"]):
                    kept = {"count": of_shard["count"], "files": of_shard["files"]}
                    yield {"kind": kind, "name": name, "shard": shard, **kept}

    def num_nodes(self, node_set: str) -> int:
        """The number of nodes of a node set."""
        return self.manifest["node_sets"][node_set]["count"]

    def lookup(self, node_set: str, ids: np.ndarray) -> np.ndarray:
        """Dense ids, int64 `[num_ids]`, of raw ids; -1 where there is no such node."""
        return self.node_index(node_set).lookup(ids)

    def node_index(self, node_set: str) -> NodeIndex:
        """The node set's ids."""
        if node_set not in self._indexes:
            self._check("node_sets", node_set)
            dtype = self.schema.node_sets[node_set].features[ID].dtype
            self._indexes[node_set] = open_node_index(
                self.path, node_set, dtype, self.manifest["shards"], self._described
            )
        return self._indexes[node_set]

    def node_features(self, node_set: str, nodes: np.ndarray) -> dict[str, pa.Array]:
        """The features of dense ids by name, `#id` included, each `[num_nodes]`; multi-valued ones are lists."""
        return self.node_index(node_set).features(nodes)

    def adjacency(self, edge_set: str) -> Adjacency:
        """The edges of an edge set."""
        if edge_set not in self._adjacencies:
            self._check("edge_sets", edge_set)
            of_sources = self.manifest["node_sets"][self.schema.edge_sets[edge_set].source]["shards"]
            # Told by the manifest, so that no file of nodes is fetched for it.
            sources = ShardRanges([shard["count"] for shard in of_sources])
            self._adjacencies[edge_set] = open_adjacency(
                self.path, edge_set, sources, self.manifest["shards"], self._described
            )
        return self._adjacencies[edge_set]

    def edge_sums(self, edge_set: str, feature: str) -> EdgeSums:
        """Sums of a scalar number of an edge set's edges; the first call for a feature reads the long rows."""
        key = edge_set, feature
        if key not in self._edge_sums:
            self._edge_sums[key] = EdgeSums(self.adjacency(edge_set), feature)
        return self._edge_sums[key]

    def visible_rows(
        self, edge_set: str, nodes: np.ndarray, times: np.ndarray, window_seconds: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """First and past-the-last position, int64 `[num_nodes]`, of the nodes' edges that requests at `times` see.

        An edge is seen iff its time + feedback delay < t, and with a window of w seconds iff also t - w <= its time.

        Raises:
          ValueError: there is a window, but the edges have no times.
        """
        oldest = None if window_seconds is None else times - round(window_seconds * _MILLISECONDS)
        return self.adjacency(edge_set).visible_bounds(nodes, times - self.feedback_delays[edge_set], oldest)

    def map_file(self, path: str) -> pa.RecordBatch:
        """The columns of one of the store's files, see `tfgrec.graph.store.layout`.

        Raises:
          GraphStoreError: the file is missing or damaged.
        """
        return store_files.map_shards(self.path, [path], self._described)[0]

    def _check(self, kind: str, name: str) -> None:
        if self._checked and files.is_local(self.path):
            _refuse_damaged(self._listed(_files_of(self.manifest[kind][name])))

    def _listed(self, described: Iterable[Mapping[str, Any]]) -> Iterator[ManifestFile]:
        return (ManifestFile.at(store_files.resolve(self.path, of_file["path"]), of_file) for of_file in described)

    def _files(self, edge_sets: Container[str] | None = None) -> Iterator[dict[str, Any]]:
        for kind in ("node_sets", "edge_sets"):
            for name, described in self.manifest[kind].items():
                if kind == "node_sets" or edge_sets is None or name in edge_sets:
                    yield from _files_of(described)


def _files_of(of_set: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for shard in of_set["shards"]:
        yield from shard["files"]


def _refuse_damaged(listed: Iterable[ManifestFile], *, again: bool = False) -> None:
    found = "; ".join(f"{file.path}: {damage}" for file, damage in damaged(listed, again=again))
    if found:
        raise GraphStoreError(f"{found}: {_ANEW}")


def _read_manifest(path: files.StrPath) -> dict[str, Any]:
    manifest_path = layout.manifest_path(path)
    if not files.exists(path):
        raise GraphStoreError(f"{path}: there is no graph store: build one with python -m beam_jobs.build_graph")
    if not files.exists(manifest_path):
        raise GraphStoreError(f"{path}: the graph store is unfinished (no manifest.json): build it again")
    try:
        manifest = files.read_json(manifest_path)
    except InputDataError as error:
        raise GraphStoreError(f"{error}: build the store again") from error
    if not isinstance(manifest, dict) or manifest.get("format") != layout.FORMAT:
        raise GraphStoreError(f"{manifest_path}: is not the manifest of a graph store")
    if manifest.get("version") != layout.VERSION:
        raise GraphStoreError(
            f"{manifest_path}: is of format version {manifest.get('version')}, this tfgrec reads version "
            f"{layout.VERSION}: build the store again"
        )
    if not layout.is_intact(manifest):
        raise GraphStoreError(f"{manifest_path}: is damaged: build the store again")
    return manifest
