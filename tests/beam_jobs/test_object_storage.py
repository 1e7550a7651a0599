"""The jobs with all that they read and write on an object store: tables, graph, shuffle, records, reports."""

import bz2
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from derived_shop import DERIVED, derived_schema, derived_tables
from s3_contents import contents, send_folder
from s3_server import S3Server
from shop_tables import SCHEMA, Shop, run_config, tables_config, write_frames

from beam_jobs.audit import audit
from beam_jobs.build_graph import build_graph
from beam_jobs.derive_edges import derive_edges
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec import files
from tfgrec.data.table_paths import TablePath
from tfgrec.errors import ConfigurationError, GraphStoreError, InputDataError
from tfgrec.file_systems import place_of
from tfgrec.generations import POINTER, whole_folder
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.shard_cache import ShardCache


@pytest.fixture
def data(shop: Shop, s3_folder: str, tmp_path: Path) -> str:
    """The tables of the small app, one of them compressed."""
    for file in write_frames(shop.frames, tmp_path / "data").iterdir():
        if file.name == "log-2.csv":
            files.write_atomically(f"{s3_folder}/data/{file.name}.bz2", _writes(bz2.compress(file.read_bytes())))
        else:
            files.send(file, f"{s3_folder}/data/{file.name}")
    return f"{s3_folder}/data"


@pytest.fixture
def graph(shop: Shop, s3_folder: str) -> str:
    """The graph of the small app, copied there as it lies on a disk."""
    send_folder(shop.graph, f"{s3_folder}/graph")
    return f"{s3_folder}/graph"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that another test has fetched."""
    monkeypatch.setenv("TFGREC_CACHE_DIR", str(tmp_path / "cache"))
    ShardCache.of_host.cache_clear()
    yield
    ShardCache.of_host.cache_clear()


def _writes(content: bytes) -> Any:
    return lambda file: file.write(content)


def common(data_dir: str) -> dict[str, Any]:
    declared = tables_config().model_dump()["tables"]
    declared["log"]["path"] = "log-*"
    declared["log"]["format"] = "csv"
    return {"config": run_config(), "tables": tables_config(tables=declared), "schema": SCHEMA, "data_dir": data_dir}


def without_manifest(found: dict[str, bytes]) -> dict[str, bytes]:
    """Manifests tell the paths of the tables."""
    return {name: content for name, content in found.items() if not name.endswith(".json")}


def test_all_jobs_give_the_bytes_that_they_give_on_a_disk(
    data: str, shop: Shop, s3_folder: str, s3_server: S3Server
) -> None:
    graph, examples = f"{s3_folder}/run/graph", f"{s3_folder}/run/examples"
    build_graph(**common(data), output_dir=graph)
    assert without_manifest(contents(whole_folder(graph))) == without_manifest(contents(shop.graph))
    manifest = sample_subgraphs(**common(data), graph_dir=graph, output_dir=examples)
    assert without_manifest(contents(whole_folder(examples))) == without_manifest(contents(shop.examples))
    audit(tables=tables_config(), examples_dir=examples, graph_dir=graph, recount=None)
    report = files.read_json(f"{whole_folder(examples)}/audit.json")
    assert report["passed"] and report["records"] == sum(of["num_requests"] for of in manifest["splits"].values())
    secrets = [s3_server.environment[name].encode() for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    assert not [name for name, content in contents(s3_folder).items() if any(secret in content for secret in secrets)]
    of_work = ("work", "spilled", "unfinished")
    assert not [name for name in contents(f"{s3_folder}/run") if any(word in name for word in of_work)]


def test_an_output_is_replaced_in_one_step(data: str, shop: Shop, graph: str, s3_folder: str) -> None:
    """A store that was copied there gives way, and so does the generation that took its place."""
    store = GraphStore.open(graph)
    build_graph(**common(data), output_dir=graph)
    first = whole_folder(graph)
    assert first != graph and GraphStore.open(graph).path == first
    assert GraphStore.open(graph).manifest["edge_sets"] == store.manifest["edge_sets"]
    build_graph(**common(data), output_dir=graph)
    assert whole_folder(graph) != first and not files.files_below(first)


def test_a_job_that_died_leaves_the_earlier_output_and_the_next_one_is_not_disturbed(
    data: str, graph: str, s3_folder: str
) -> None:
    examples = f"{s3_folder}/examples"
    sample_subgraphs(**common(data), graph_dir=graph, output_dir=examples)
    before = whole_folder(examples)
    # What a killed job leaves: a generation with a torn file and no manifest, which no pointer names.
    files.write_json(f"{examples}/generation-00000000/train/part-00000-of-00002.tfrecord", "torn")
    assert whole_folder(examples) == before
    sample_subgraphs(**common(data), graph_dir=graph, output_dir=examples)
    assert whole_folder(examples) != before
    assert files.exists(f"{examples}/generation-00000000/train/part-00000-of-00002.tfrecord")


def test_a_job_that_fails_leaves_bad_rows_alone(data: str, graph: str, s3_folder: str) -> None:
    with files.open_to_read(f"{data}/log-1.csv") as file:
        lines = file.read().splitlines()
    files.write_atomically(f"{data}/log-1.csv", _writes(b"\n".join([*lines, *[b"one cell"] * 50])))
    with pytest.raises(InputDataError, match="table 'log': 50 of 450 rows are bad"):
        sample_subgraphs(**common(data), graph_dir=graph, output_dir=f"{s3_folder}/examples")
    left = set(contents(s3_folder)) - {f"data/{name}" for name in contents(data)}
    assert {name.split("/")[0] for name in left} == {"graph", "examples.dead_letters"}


def test_what_no_job_wrote_is_refused_and_stays(data: str, s3_folder: str) -> None:
    for name in ("notes.txt", "generation-00000000.txt"):
        files.write_json(f"{s3_folder}/output/{name}", "mine")
        with pytest.raises(InputDataError, match=f"^--output {s3_folder}/output: holds files of something else"):
            build_graph(**common(data), output_dir=f"{s3_folder}/output")
        assert list(contents(f"{s3_folder}/output")) == [name]
        files.delete(f"{s3_folder}/output")


def test_a_folder_that_was_only_marked_is_empty(data: str, graph: str, s3_folder: str) -> None:
    system, inner = place_of(f"{s3_folder}/examples")
    system.create_dir(inner)
    sample_subgraphs(**common(data), graph_dir=graph, output_dir=f"{s3_folder}/examples")
    assert files.exists(f"{whole_folder(f'{s3_folder}/examples')}/manifest.json")


def test_a_table_that_is_not_there(data: str, s3_folder: str) -> None:
    files.delete(f"{data}/users.csv")
    with pytest.raises(
        InputDataError, match=f"table 'users': there is no file {data}/users.csv: did you mean 'rooms.csv'"
    ):
        build_graph(**common(data), output_dir=f"{s3_folder}/graph")


def test_a_table_with_a_plain_path_is_found_without_a_listing(s3_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it there may be millions of others."""
    for name in ("users.csv", "users[1].csv"):
        files.write_atomically(f"{s3_folder}/{name}", _writes(b"id"))
    monkeypatch.setattr(files, "files_below", lambda folder: pytest.fail(f"{folder} is listed"))
    for name in ("users.csv", "users[1].csv"):
        assert {path: file.bytes for path, file in TablePath(name).find_far(s3_folder).items()} == {name: 2}
    assert TablePath("items.csv").find_far(s3_folder) == {}


def test_derived_edges_are_made_anew_there(shop: Shop, graph: str, s3_folder: str, tmp_path: Path) -> None:
    output = f"{s3_folder}/derived"
    name = next(iter(DERIVED))
    arguments = {"config": run_config(), "tables": derived_tables(name), "schema": derived_schema(name)}
    derive_edges(**arguments, graph_dir=graph, output_dir=output)
    on_disk = tmp_path / "derived"
    derive_edges(**arguments, graph_dir=str(shop.graph), output_dir=str(on_disk))
    assert contents(whole_folder(output)) == contents(on_disk)
    with pytest.raises(ConfigurationError, match="is the store in --graph"):
        derive_edges(**arguments, graph_dir=graph, output_dir=f"{graph}/")


@pytest.mark.usefixtures("empty_cache")
class TestGraphStore:
    def test_a_flipped_bit_is_found_when_the_shard_is_used(self, shop: Shop, data: str, graph: str) -> None:
        described = next(iter(GraphStore.open(graph).shard_entries()))["files"][0]
        content = bytearray((shop.graph / described["path"]).read_bytes())
        content[len(content) // 2] ^= 1
        files.write_atomically(f"{graph}/{described['path']}", _writes(content))
        with pytest.raises(GraphStoreError, match=f"{described['path']}"):
            sample_subgraphs(**common(data), graph_dir=graph, output_dir=f"{graph}-examples")
        assert not files.files_below(f"{graph}-examples")

    def test_a_missing_and_a_cut_file_are_named(self, shop: Shop, graph: str) -> None:
        described = next(iter(GraphStore.open(graph).shard_entries()))["files"][0]
        files.write_atomically(f"{graph}/{described['path']}", _writes(b"cut"))
        with pytest.raises(GraphStoreError, match=f"{described['path']}: has 3 bytes, the manifest"):
            GraphStore.open(graph)
        files.delete(f"{graph}/{described['path']}")
        with pytest.raises(GraphStoreError, match=f"{described['path']}: is missing"):
            GraphStore.open(graph)

    def test_a_pointer_that_is_none(self, graph: str) -> None:
        files.write_json(f"{graph}/{POINTER}", {"generation": "../elsewhere"})
        with pytest.raises(GraphStoreError, match=f"{graph}/{POINTER}: expected"):
            GraphStore.open(graph)

    def test_only_what_is_used_is_fetched(self, shop: Shop, graph: str, s3_server: S3Server) -> None:
        store = GraphStore.open(graph)
        edge_set = next(iter(store.schema.stored_edge_sets))
        store.adjacency(edge_set)
        fetched = {name for name in contents(shop.graph) if s3_server.requests("GET", f"{graph}/{name}")}
        assert {name.split("/")[1] for name in fetched if "/" in name} == {edge_set}

    def test_a_store_is_handed_to_other_processes_by_its_folder(self, graph: str) -> None:
        assert json.dumps(GraphStore.open(graph).manifest)
        assert GraphStore.open(graph).__reduce__()[1] == (graph,)
