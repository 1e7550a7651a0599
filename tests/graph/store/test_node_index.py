"""Look-ups by hash stay right when hashes collide."""

from pathlib import Path

import numpy as np
import pytest

from tfgrec.graph.schema import ID, Feature, GraphSchema, NodeSet
from tfgrec.graph.store import node_index, store_writer
from tfgrec.graph.store.store_writer import GraphStoreWriter


@pytest.mark.parametrize("kind", ["int64", "string"])
def test_ids_that_share_a_hash_are_told_apart(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def few_hashes(ids: np.ndarray) -> np.ndarray:
        return np.array([int(raw) % 3 for raw in ids], np.uint64) << np.uint64(62)

    monkeypatch.setattr(node_index, "hash_ids", few_hashes)
    monkeypatch.setattr(store_writer, "hash_ids", few_hashes)
    schema = GraphSchema({}, {"item": NodeSet({ID: Feature(kind)})}, {})
    ids = np.arange(0, 60, 2)
    known, unknown = (ids, ids + 1) if kind == "int64" else (ids.astype(str).astype(object), (ids + 1).astype(str))
    writer = GraphStoreWriter(tmp_path, schema, 2)
    shards = writer.shard_of(known)
    assert len(set(shards.tolist())) == 2
    for shard in range(2):
        writer.write_node_shard("item", shard, np.random.default_rng(0).permutation(known[shards == shard]), {})
    index = writer.node_index("item")
    nodes = index.lookup(known)
    assert sorted(nodes.tolist()) == list(range(30))
    assert (index.lookup(unknown) == -1).all()
    assert np.array_equal(index.hashes(nodes), few_hashes(known))
