"""Tables read from, and records written to, a file system without folders; the graph store stays on disks."""

import bz2
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from memory_files import SCHEME, MemoryFileSystem
from shop_tables import SCHEMA, Shop, run_config, tables_config, write_frames

from beam_jobs.audit import audit
from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.graph.store.graph_store import GraphStore

DATA, EXAMPLES = f"{SCHEME}://bucket/data", f"{SCHEME}://bucket/run/examples"


@pytest.fixture()
def files(shop: Shop, tmp_path: Path) -> Iterator[dict[str, bytes]]:
    """The tables of the small app in memory, one of them compressed; all files there are."""
    local = write_frames(shop.frames, tmp_path / "data")
    MemoryFileSystem.files.clear()
    MemoryFileSystem.files.update({f"{DATA}/{file.name}": file.read_bytes() for file in local.iterdir()})
    content = MemoryFileSystem.files.pop(f"{DATA}/log-2.csv")
    MemoryFileSystem.files[f"{DATA}/log-2.csv.bz2"] = bz2.compress(content)
    yield MemoryFileSystem.files
    MemoryFileSystem.files.clear()


def common() -> dict[str, Any]:
    declared = tables_config().model_dump()["tables"]
    declared["log"]["path"] = "log-*"
    declared["log"]["format"] = "csv"
    return {"config": run_config(), "tables": tables_config(tables=declared), "schema": SCHEMA, "data_dir": DATA}


def test_the_graph_is_that_of_local_tables(files: dict, shop: Shop, tmp_path: Path) -> None:
    built = build_graph(**common(), output_dir=str(tmp_path / "graph"))
    expected = GraphStore.open(shop.graph).manifest
    assert (built["node_sets"], built["edge_sets"]) == (expected["node_sets"], expected["edge_sets"])


def test_records_are_written_there_and_audited(files: dict, shop: Shop) -> None:
    before = set(files)
    files[f"{EXAMPLES}/manifest.json"] = b'{"schema": {}, "splits": {}}'
    files[f"{EXAMPLES}/train/part-of-an-earlier-run.tfrecord"] = b""
    manifest = sample_subgraphs(**common(), graph_dir=str(shop.graph), output_dir=EXAMPLES)
    shards = {f"{EXAMPLES}/{shard['path']}" for split in manifest["splits"].values() for shard in split["shards"]}
    assert set(files) - before == {*shards, f"{EXAMPLES}/manifest.json"}
    for path in shards:
        assert files[path] == (shop.examples / path.removeprefix(f"{EXAMPLES}/")).read_bytes()
    audit(tables=tables_config(), examples_dir=EXAMPLES)
    assert f"{EXAMPLES}/audit.json" in files


def test_a_folder_that_was_only_marked_is_empty(files: dict, shop: Shop) -> None:
    files[f"{EXAMPLES}/"] = b""
    sample_subgraphs(**common(), graph_dir=str(shop.graph), output_dir=EXAMPLES)
    assert f"{EXAMPLES}/manifest.json" in files


def test_a_job_that_fails_leaves_nothing_there(files: dict, shop: Shop) -> None:
    before = dict(files)
    lines = files[f"{DATA}/log-1.csv"].splitlines()
    files[f"{DATA}/log-1.csv"] = b"\n".join([*lines, *[b"one cell"] * 50])
    with pytest.raises(InputDataError, match="table 'log': 50 of 450 rows are bad"):
        sample_subgraphs(**common(), graph_dir=str(shop.graph), output_dir=EXAMPLES)
    left = {path for path in set(files) - set(before) if ".dead_letters/" not in path}
    assert not left


def test_a_table_that_is_not_there(files: dict, tmp_path: Path) -> None:
    del files[f"{DATA}/users.csv"]
    with pytest.raises(
        InputDataError, match=f"table 'users': there is no file {DATA}/users.csv: did you mean 'rooms.csv'"
    ):
        build_graph(**common(), output_dir=str(tmp_path / "graph"))


class TestGraphStore:
    def test_is_not_built_there(self, files: dict) -> None:
        with pytest.raises(GraphStoreError, match=r"memory://bucket/graph: a graph store .* local or shared disk"):
            build_graph(**common(), output_dir=f"{SCHEME}://bucket/graph")

    def test_is_not_read_from_there(self, files: dict) -> None:
        with pytest.raises(GraphStoreError, match=r"memory://bucket/graph: a graph store .* local or shared disk"):
            sample_subgraphs(**common(), graph_dir=f"{SCHEME}://bucket/graph", output_dir=EXAMPLES)
