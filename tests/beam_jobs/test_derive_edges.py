"""Derived edges by whole jobs: against pandas, in a store made anew, in records, and in the audit."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from decoded_records import read_split
from derived_shop import DERIVED, DERIVED_DELAYS, derived_run, derived_schema, derived_tables
from shop_tables import SCHEMA, Shop, expected_edges, run_config, stored_edges, tables_config

from beam_jobs.audit import audit
from beam_jobs.build_graph import build_graph
from beam_jobs.derive_edges import derive_edges
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec.errors import ConfigurationError, GraphStoreError, SchemaError
from tfgrec.graph.store.graph_store import GraphStore

HOUR = 3_600_000


def derive(graph: Path, output: Path, *names: str, **options: Any) -> dict[str, Any]:
    changes = {name: options.pop(name) for name in ("max_neighbours",) if name in options}
    return derive_edges(
        config=run_config(),
        tables=derived_tables(*names, **changes),
        schema=derived_schema(*names),
        graph_dir=str(graph),
        output_dir=str(output),
        **options,
    )


@pytest.fixture(scope="module")
def told() -> list[tuple[int, int]]:
    """The progress that building told."""
    return []


@pytest.fixture(scope="module")
def built(shop: Shop, told: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's graph with all derived edges, by one command."""
    output = tmp_path_factory.mktemp("derived") / "graph"
    build_graph(
        config=run_config(),
        tables=derived_tables(*DERIVED),
        schema=derived_schema(*DERIVED),
        data_dir=str(shop.data),
        output_dir=str(output),
        on_progress=lambda *at: told.append(at),
    )
    return output


def counted(watched: pd.DataFrame, partners: pd.DataFrame, hour: int, within: int | None) -> pd.DataFrame:
    """How many users have both, by what is known at an hour."""
    both = watched[watched["time"] < hour * HOUR].merge(partners[partners["time"] < hour * HOUR], on="source")
    if within is not None:
        both = both[(both["time_x"] - both["time_y"]).abs() <= within]
    both = both[both["target_x"] != both["target_y"]]
    counts = both.drop_duplicates(["source", "target_x", "target_y"]).groupby(["target_x", "target_y"]).size()
    counts = counts.rename("weight").reset_index().rename(columns={"target_x": "source", "target_y": "target"})
    return counts.assign(time=hour * HOUR)


@pytest.mark.parametrize(
    ("name", "bases", "within"),
    [("co_watched", ("watched", "watched"), None), ("room_for", ("clicked", "visited"), 1_800_000)],
)
def test_co_watched_are_those_of_pandas(
    shop: Shop, built: Path, name: str, bases: tuple[str, str], within: int | None
) -> None:
    edges = expected_edges(shop.frames)
    watched, partners = (edges[base][["source", "target", "time"]] for base in bases)
    times = pd.concat([watched["time"], partners["time"]])
    hours = range(times.min() // HOUR + 1, times.max() // HOUR + 2)
    expected = pd.concat([counted(watched, partners, hour, within) for hour in hours])
    found = stored_edges(GraphStore.open(built), name)
    assert len(found) > 300 and found["time"].nunique() > 2
    columns = ["source", "target", "time", "weight"]
    frames = [frame[columns].sort_values(columns).reset_index(drop=True) for frame in (found, expected)]
    pd.testing.assert_frame_equal(*frames, check_dtype=False)


def test_a_store_made_anew_is_the_one_built_at_once(shop: Shop, built: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in shop.graph.rglob("*") if path.is_file()}
    seen: list[tuple[int, int]] = []
    derive(shop.graph, tmp_path / "graph", *DERIVED, on_progress=lambda *at: seen.append(at))
    store = GraphStore.open(tmp_path / "graph")
    store.verify()
    at_once = {path.relative_to(built): path.read_bytes() for path in built.rglob("*") if path.is_file()}
    anew = {path.relative_to(tmp_path / "graph"): path.read_bytes() for path in (tmp_path / "graph").rglob("*.*")}
    assert anew == at_once
    assert {path: path.read_bytes() for path in shop.graph.rglob("*") if path.is_file()} == before
    same = Path("edges", "watched", "00000-of-00002.arrow")
    assert (tmp_path / "graph" / same).samefile(shop.graph / same)
    files = [path for name in DERIVED for path in (tmp_path / "graph" / "edges" / name).iterdir()]
    assert seen[-1] == (len(files), len(files))
    assert {name: store.feedback_delays[name] for name in DERIVED} == DERIVED_DELAYS


def test_derived_edges_are_replaced_and_left_out(built: Path, tmp_path: Path) -> None:
    derive(built, tmp_path / "graph", "alike", max_neighbours=1)
    store = GraphStore.open(tmp_path / "graph")
    store.verify()
    assert set(store.schema.stored_edge_sets) == {*SCHEMA.stored_edge_sets, "alike"}
    assert not (tmp_path / "graph" / "edges" / "co_watched").exists()
    lists = stored_edges(store, "alike").groupby(["source", "time"]).size()
    assert lists.max() == 1 and len(lists) > 100


def test_build_counts_its_files(built: Path, told: list[tuple[int, int]]) -> None:
    assert told[-1][0] == told[-1][1] == len(list(built.rglob("*.arrow")))


@pytest.mark.slow
def test_records_carry_the_newest_lists_and_pass_the_audit(shop: Shop, built: Path, tmp_path: Path) -> None:
    schema, tables = derived_schema(*DERIVED), derived_tables(*DERIVED)
    sample_subgraphs(
        config=derived_run(),
        tables=tables,
        schema=schema,
        data_dir=str(shop.data),
        graph_dir=str(built),
        output_dir=str(tmp_path / "examples"),
    )
    report = audit(tables=tables, examples_dir=str(tmp_path / "examples"))
    assert report["passed"] and report["edges"]["co_watched"] > 0 and report["edges"]["room_for"] > 0
    for name, delay in (("co_watched", 0), ("room_for", DERIVED_DELAYS["room_for"])):
        found = 0
        for record in itertools.chain.from_iterable(read_split(tmp_path / "examples", "train")):
            (time,) = record["context/time"]
            newest = (time - delay - 1) // HOUR * HOUR
            found += len(record[f"edges/{name}.time"])
            assert set(record[f"edges/{name}.time"]) <= {newest}
        assert found


class TestErrors:
    def test_the_old_store_is_never_changed(self, shop: Shop) -> None:
        with pytest.raises(ConfigurationError, match="is the store in --graph, which is never changed"):
            derive(shop.graph, shop.graph.parent / "." / "graph", "alike")

    def test_a_damaged_store_is_refused(self, shop: Shop, tmp_path: Path) -> None:
        derive(shop.graph, tmp_path / "graph", "co_watched")
        path = tmp_path / "graph" / "edges" / "watched" / "00001-of-00002.arrow"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.unlink()
        path.write_bytes(content)
        with pytest.raises(
            GraphStoreError, match=r"edges/watched/00001-of-00002.*: is damaged, .*: build the store again"
        ):
            derive(tmp_path / "graph", tmp_path / "other", "alike")
        assert not list(tmp_path.glob("other*"))

    def test_nothing_to_derive(self, shop: Shop, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="no edge set is derived"):
            derive(shop.graph, tmp_path / "graph")

    def test_a_store_of_another_graph(self, shop: Shop, tmp_path: Path) -> None:
        schema = derived_schema("alike")
        features = schema.edge_sets["watched"].features
        watched = dataclasses.replace(schema.edge_sets["watched"], features={**features, "again": features["liked"]})
        tables = derived_tables("alike").model_dump(by_alias=True)
        for source in tables["edge_sets"]["watched"]["sources"]:
            source["features"] = {**source["features"], "again": source["features"]["liked"]}
        edge_sets = {**schema.edge_sets, "watched": watched}
        edge_sets["watched_by"] = dataclasses.replace(watched, source="video", target="user")
        with pytest.raises(SchemaError, match="was built with another 'watched' in graph.pbtxt"):
            derive_edges(
                config=run_config(),
                tables=tables_config(**tables),
                schema=dataclasses.replace(schema, edge_sets=edge_sets),
                graph_dir=str(shop.graph),
                output_dir=str(tmp_path / "graph"),
            )

    def test_times_far_apart_are_told_by_the_job(self, shop: Shop, tmp_path: Path) -> None:
        tables = derived_tables("co_watched").model_dump(by_alias=True)
        tables["edge_sets"]["co_watched"]["derived"]["refresh_seconds"] = 1
        with pytest.raises(ConfigurationError, match=r"co_watched\.derived\.refresh_seconds: every 1 s from"):
            derive_edges(
                config=run_config(),
                tables=tables_config(**tables),
                schema=derived_schema("co_watched"),
                graph_dir=str(shop.graph),
                output_dir=str(tmp_path / "graph"),
            )
        assert not list(tmp_path.glob("graph*"))
