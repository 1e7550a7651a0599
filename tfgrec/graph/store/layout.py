"""Where the files of a graph store lie, the version of their format, and the seal of its manifest."""

import hashlib
import json
from typing import Any

from tfgrec.files import StrPath, child

FORMAT = "tfgrec graph store"
VERSION = 1

# Its edges and its row splits.
EDGE_SHARD_FILES = 2

_SEAL = "sha256"


def manifest_path(store: StrPath) -> str:
    """The file whose presence says that the store is whole."""
    return child(store, "manifest.json")


def node_shard_path(store: StrPath, node_set: str, shard: int, shards: int) -> str:
    """Hashes, raw ids and features of a shard of a node set, one row a node."""
    return child(store, "nodes", node_set, f"{_numbered(shard, shards)}.arrow")


def edge_shard_path(store: StrPath, edge_set: str, shard: int, shards: int) -> str:
    """Targets, times and features of a shard of an edge set, one row an edge, sorted by (source, time)."""
    return child(store, "edges", edge_set, f"{_numbered(shard, shards)}.arrow")


def row_splits_path(store: StrPath, edge_set: str, shard: int, shards: int) -> str:
    """Where each source's edges begin in the edge shard's rows."""
    return child(store, "edges", edge_set, f"{_numbered(shard, shards)}.rows.arrow")


def _numbered(shard: int, shards: int) -> str:
    return f"{shard:05d}-of-{shards:05d}"


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with a checksum of its own."""
    return {**manifest, _SEAL: _digest(manifest)}


def is_intact(manifest: dict[str, Any]) -> bool:
    """Whether a manifest is as `sealed` made it."""
    return manifest.get(_SEAL) == _digest({key: value for key, value in manifest.items() if key != _SEAL})


def _digest(manifest: dict[str, Any]) -> str:
    # Through JSON and back, so that tuples and integer keys count as what a reader finds.
    values = json.loads(json.dumps(manifest))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8")).hexdigest()
