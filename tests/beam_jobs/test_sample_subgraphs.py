"""The whole job: every request once, in its split, with its candidates, exact counts and nothing of its future."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from decoded_records import as_frame, candidates_of, read_split
from shop_tables import (
    CLICK_DELAY,
    SCHEMA,
    TABLES,
    Frames,
    Shop,
    expected_edges,
    make_frames,
    run_config,
    tables_config,
    write_frames,
)

from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from beam_jobs.tables.splits import check_splits, times_of_split
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.errors import ConfigurationError, GraphStoreError, InputDataError, SchemaError
from tfgrec.graph.schema import EdgeSet
from tfgrec.graph.store.graph_store import GraphStore

DAYS = {"train": (1, 4), "validation": (5, 6)}


def sample(shop: Shop, output: Path, *, config: Any = None, **changes: Any) -> dict[str, Any]:
    arguments = {
        "data_dir": str(shop.data),
        "graph_dir": str(shop.graph),
        "schema": SCHEMA,
        "tables": tables_config(),
        **changes,
    }
    return sample_subgraphs(config=config or run_config(), output_dir=str(output), **arguments)


def impressions(frames: Frames) -> pd.DataFrame:
    """The rows of both logs as candidates."""
    log = frames["log"].rename(columns={"video": "item", "time_ms": "time"})
    live = frames["live"].rename(columns={"room": "item"})
    live["time"] = pd.to_datetime(live["at"]).astype("datetime64[ns]").astype(np.int64) // 10**6
    both = pd.concat([log, live], ignore_index=True)
    return both[["user", "time", "item", "tab", "click", "seconds", "day"]]


def rows_of(frame: pd.DataFrame) -> list[tuple]:
    columns = ["user", "time", "item", "tab", "click", "seconds"]
    return sorted(tuple("none" if value != value else str(value) for value in row) for row in frame[columns].to_numpy())


def all_records(records: dict[str, list[list[dict]]]) -> list[dict]:
    return [record for shards in records.values() for shard in shards for record in shard]


@pytest.fixture(scope="module")
def records(shop: Shop) -> dict[str, list[list[dict]]]:
    return {split: read_split(shop.examples, split) for split in DAYS}


class TestRecords:
    @pytest.mark.parametrize("split", ["train", "validation"])
    def test_every_impression_is_a_candidate_of_its_split(self, split: str, shop: Shop, records: dict) -> None:
        first, last = DAYS[split]
        expected = impressions(shop.frames)
        expected = expected[expected["day"].between(first, last)].assign(
            click=lambda frame: frame["click"].astype(float)
        )
        found = as_frame(
            [candidate for shard in records[split] for record in shard for candidate in candidates_of(record)]
        )
        assert rows_of(found) == rows_of(expected)

    def test_a_request_is_all_that_agrees_in_user_time_log_and_tab(self, shop: Shop, records: dict) -> None:
        expected = impressions(shop.frames)
        expected["log"] = [type(item).__name__ for item in expected["item"]]
        sizes = expected.groupby(["user", "time", "log", "tab"]).size()
        found = [candidates_of(record) for shards in records.values() for shard in shards for record in shard]
        assert sizes.max() > 1
        assert sorted(map(len, found)) == sorted(sizes)
        for candidates in found:
            keys = {(of.user, of.time, type(of.item).__name__, of.values["tab"]) for of in candidates}
            assert len(candidates) == sizes[keys.pop()] and not keys

    def test_counts_before_the_request_are_exact(self, shop: Shop, records: dict) -> None:
        edges = expected_edges(shop.frames)
        checked = 0
        for record in records["validation"][0]:
            for of in candidates_of(record):
                watched, clicked = edges["watched"], edges["clicked"]
                seen_by = edges["watched_by" if isinstance(of.item, int) else "visited_by"]
                assert of.values["user_watched"] == ((watched["source"] == of.user) & (watched["time"] < of.time)).sum()
                assert of.values["item_seen"] == ((seen_by["source"] == of.item) & (seen_by["time"] < of.time)).sum()
                visible = clicked[(clicked["source"] == of.user) & (clicked["time"] + CLICK_DELAY < of.time)]["time"]
                since = (of.time - visible.max()) / 1_000 if len(visible) else -1
                assert of.values["user_since_clicked"] == pytest.approx(since, rel=1e-6)
                assert of.values["hour"] == pd.Timestamp(of.time, unit="ms", tz="Asia/Shanghai").hour
                checked += 1
        assert checked > 20

    def test_a_users_requests_lie_in_one_shard_and_shards_are_mixed(self, records: dict) -> None:
        users = [{candidates_of(record)[0].user for record in shard} for shard in records["train"]]
        assert sum(map(len, users)) == len(set.union(*users)) == 12
        times = [record["context/time"][0] for record in max(records["train"], key=len)]
        assert times != sorted(times) and abs(np.corrcoef(times, np.arange(len(times)))[0, 1]) < 0.5

    def test_no_file_depends_on_shards_batches_or_the_order_of_rows(self, shop: Shop, tmp_path: Path) -> None:
        frames = {
            name: frame.sample(frac=1, random_state=8) if name != "history" else frame
            for name, frame in shop.frames.items()
        }
        data = write_frames(frames, tmp_path / "data")
        config = run_config(build={"shards": 4, "rows_per_batch": 31}, sampling={"requests_per_batch": 7})
        build_graph(
            config=config, tables=tables_config(), schema=SCHEMA, data_dir=str(data), output_dir=str(tmp_path / "graph")
        )
        changed = sample(
            shop, tmp_path / "examples", config=config, data_dir=str(data), graph_dir=str(tmp_path / "graph")
        )
        manifest = json.loads((shop.examples / "manifest.json").read_text())
        assert changed["splits"] == manifest["splits"]
        assert changed["sizes"] == manifest["sizes"]
        assert changed["expansions"] == manifest["expansions"]


def note_edge_sets(monkeypatch: pytest.MonkeyPatch) -> tuple[list[set[str]], list[str]]:
    """Notes from now on which edge sets are verified, and which are mapped."""
    compared, mapped = [], []
    verify, adjacency = GraphStore.verify, GraphStore.adjacency
    monkeypatch.setattr(GraphStore, "verify", lambda store, sets: compared.append(sets) or verify(store, sets))
    monkeypatch.setattr(GraphStore, "adjacency", lambda store, name: mapped.append(name) or adjacency(store, name))
    return compared, mapped


class TestManifest:
    def test_the_reader_of_examples_takes_it(self, shop: Shop) -> None:
        examples = ExamplesDirectory.open(shop.examples)
        rows = impressions(shop.frames)
        assert set(examples.schema.edge_sets) == set(SCHEMA.edge_sets) - {"tag_of"}
        for name, (first, last) in DAYS.items():
            assert examples.split(name).num_candidates == rows["day"].between(first, last).sum()
        assert not (shop.examples / "dead_letters").exists()

    def test_splits_may_have_other_folders(self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folders = {"train": "Split-train", "validation": "Split-eval"}
        compared, mapped = note_edge_sets(monkeypatch)
        manifest = sample(shop, tmp_path / "examples", split_folders=folders)
        # What workers map has been read and compared, and nothing else.
        assert len(set(mapped)) > 8 and [set(mapped)] == compared
        assert {path.name for path in (tmp_path / "examples").iterdir()} == {*folders.values(), "manifest.json"}
        expected = ExamplesDirectory.open(shop.examples)
        for name, split in ExamplesDirectory.open(tmp_path / "examples").splits.items():
            for file, same in zip(split.files, expected.split(name).files, strict=True):
                assert Path(file).read_bytes() == Path(same).read_bytes()
            assert all(shard["path"].startswith(folders[name]) for shard in manifest["splits"][name]["shards"])

    def test_statistics_of_nodes_are_those_of_the_graph(self, shop: Shop) -> None:
        graph = GraphStore.open(shop.graph).statistics
        examples = ExamplesDirectory.open(shop.examples)
        assert {name: examples.statistics[name] for name in graph} == graph
        edges = {"edges/watched", "edges/watched_by", "history/watched"}
        assert set(examples.statistics) == {*graph, "_readout", *edges} == {*SCHEMA.node_sets, *edges}
        examples.check_statistics()

    def test_statistics_are_of_the_training_rows_alone(self, shop: Shop) -> None:
        statistics = ExamplesDirectory.open(shop.examples).statistics["_readout"]
        rows = impressions(shop.frames)
        tabs = rows[rows["day"] <= DAYS["train"][1]]["tab"]
        assert set(statistics) == set(SCHEMA.node_sets["_readout"].features)
        assert statistics["tab"]["numeric"]["mean"] == pytest.approx(tabs.mean())
        assert dict(statistics["tab"]["categorical"]["values"]) == tabs.value_counts().to_dict()
        assert statistics["user_watched"]["numeric"]["count"] == len(tabs)

    def test_sizes_are_those_of_the_records(self, shop: Shop, records: dict) -> None:
        sizes = json.loads((shop.examples / "manifest.json").read_text())["sizes"]
        for group, prefix in (("node_sets", "nodes"), ("edge_sets", "edges")):
            for name, of_set in sizes[group].items():
                counts = [record[f"{prefix}/{name}.#size"][0] for record in all_records(records)]
                assert (of_set["total"], of_set["largest"]) == (sum(counts), max(counts))
                assert of_set["quantiles"]["0.9"] == np.quantile(counts, 0.9, method="inverted_cdf")
                # All requests are fewer than the sample holds.
                assert sorted(map(int, of_set["sample"].split())) == sorted(counts)
        histories = {f"history/{name}" for name in run_config().sampling.history}
        assert set(sizes["node_sets"]) == {*SCHEMA.node_sets, *histories}

    def test_sizes_of_batches_are_told_for_people(self, shop: Shop, records: dict) -> None:
        batches = json.loads((shop.examples / "manifest.json").read_text())["batches"]
        assert batches["requests"] == run_config().training.batch_size
        assert [of["share"] for of in batches["shares"]] == [0.5, 0.9, 0.99, 1.0]
        largest = max(record["nodes/video.#size"][0] for record in all_records(records))
        assert batches["shares"][-1]["nodes"]["video"] == batches["requests"] * largest
        assert set(batches["shares"][0]["edges"]) == set(SCHEMA.edge_sets) - {"tag_of"}

    def test_expansions_tell_how_much_the_fan_out_cuts(self, shop: Shop, records: dict) -> None:
        expansions = json.loads((shop.examples / "manifest.json").read_text())["expansions"]
        by_place = {(of["hop"], of["edge_set"]): of for of in expansions}
        assert set(by_place) == {(hop, name) for hop, plan in enumerate(run_config().sampling.hops) for name in plan}
        watched = by_place[0, "watched"]
        visible = np.array([record["nodes/_readout.user_watched"][0] for record in all_records(records)])
        assert watched["nodes"] == len(visible)
        assert watched["visible"]["total"] == visible.sum()
        assert watched["visible"]["largest"] == visible.max()
        assert watched["taken"] == np.minimum(visible, 4).sum()
        assert watched["truncated"] == (visible > 4).sum() > 0
        assert watched["truncated_share"] == pytest.approx((visible > 4).mean(), abs=1e-6)


def test_bad_rows_of_the_splits_are_kept_aside(shop: Shop, tmp_path: Path) -> None:
    frames = make_frames()
    log = frames["log"].astype(object)
    log.loc[1, "video"] = 1
    log.loc[2, "user"] = "nobody"
    log.loc[3, "click"] = "yes"
    log.loc[4, "tab"] = np.nan
    log.loc[5, "day"] = np.nan
    log.loc[399, ["day", "video"]] = 99, 1
    data = write_frames(frames | {"log": log}, tmp_path / "data")
    config = run_config(build={"max_bad_row_share": 0.02})
    manifest = sample(shop, tmp_path / "examples", config=config, data_dir=str(data))
    letters = (tmp_path / "examples" / "dead_letters").glob("log-*.jsonl")
    found = sorted(
        (of["row"], of["reason"]) for path in letters for of in map(json.loads, path.read_text().splitlines())
    )
    assert found == [
        (2, "video: is no known video"),
        (3, "user: is not a whole number"),
        (4, "click: is not a finite number"),
        (5, "tab: is empty"),
        (6, "day: is empty"),
    ]
    assert manifest["tables"]["log"] == {"rows": 400, "bad_rows": 5, "reasons": {reason: 1 for _, reason in found}}
    assert manifest["tables"]["live"]["bad_rows"] == 0


def test_without_training_rows(shop: Shop, tmp_path: Path) -> None:
    manifest = sample(shop, tmp_path / "examples", config=run_config(split={"train": None}))
    assert manifest["splits"]["train"]["num_requests"] == 0
    assert ExamplesDirectory.open(tmp_path / "examples").split("validation").num_requests > 0


def test_a_test_part_changes_nothing_that_a_training_reads(shop: Shop, tmp_path: Path) -> None:
    parts = {"train": [1, 3], "validation": [4, 4], "test": [5, 6]}
    with_test = sample(shop, tmp_path / "with", config=run_config(split=parts))
    without = sample(shop, tmp_path / "without", config=run_config(split={**parts, "test": None}))
    assert {name: of for name, of in with_test["splits"].items() if name != "test"} == without["splits"]
    for key in ("statistics", "sizes", "expansions", "batches"):
        assert with_test[key] == without[key]
    rows = impressions(shop.frames)
    expected = rows[rows["day"].between(5, 6)].assign(click=lambda frame: frame["click"].astype(float))
    found = [of for shard in read_split(tmp_path / "with", "test") for record in shard for of in candidates_of(record)]
    assert rows_of(as_frame(found)) == rows_of(expected)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ([], "split.test: there is not one request from 7 to 9: column 'day' has no value in any good row"),
        (
            [1_500],
            "into validation, which is 0.5 seconds newer than the oldest request of test (1970-01-01 00:00:01 UTC): "
            "the model would be measured on a time that it was chosen by",
        ),
        ([500], "into training, which is 0.5 seconds newer than the oldest request of test (1970-01-01 00:00:00 UTC)"),
        ([2_000], None),
    ],
)
def test_a_test_part_is_newer_than_the_others(test: list[int], message: str | None) -> None:
    split = run_config(split={"test": [7, 9], "overlap_seconds": 0}).split
    of_parts = {"train": [1_000], "validation": [1_000, 2_000], "test": test}
    facts = [fact for name, times in of_parts.items() for fact in times_of_split(name, pa.array(times, pa.int64()))]
    if message is None:
        check_splits(facts, split)
    else:
        with pytest.raises(InputDataError, match=re.escape(message)):
            check_splits(facts, split)


@pytest.mark.parametrize(
    ("error", "changes", "message"),
    [
        (ConfigurationError, {"split": {"test": [6, 7]}}, "split.test overlaps split.validation: 'day' 6"),
        (InputDataError, {"split": {"validation": [7, 9]}}, "split.validation: there is not one request from 7 to 9"),
        (ConfigurationError, {"split": {"validation": [4, 6]}}, "split.validation overlaps split.train: 'day' 4"),
        (ConfigurationError, {"split": {"train": ["one", 3]}}, "split.train: column 'day': 'one' is compared with"),
        (InputDataError, {"split": {"column": "date"}}, "has no column 'date'"),
        (
            InputDataError,
            {"split": {"train": [5, 6], "validation": [1, 2], "overlap_seconds": 0}},
            "newer than the oldest request of valid",
        ),
        (ConfigurationError, {"sampling": {"hops": [{"wached": 3}]}}, "unknown edge set 'wached': did you mean"),
    ],
    ids=["overlapping test", "empty split", "overlap", "type", "column", "order", "hop"],
)
def test_configurations_that_can_not_work(error: type, changes: dict, message: str, shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(error) as raised:
        sample(shop, tmp_path / "examples", config=run_config(**changes))
    assert message in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_training_may_be_as_much_newer_than_validation_as_is_allowed(shop: Shop, tmp_path: Path) -> None:
    log, live = shop.frames["log"], shop.frames["live"]
    times = pd.concat([log["time_ms"], pd.to_datetime(live["at"]).astype("datetime64[ns]").astype(np.int64) // 10**6])
    days = pd.concat([log["day"], live["day"]])
    overlap = (times[days.between(1, 4)].max() - times[days.between(5, 6)].min()) / 1_000
    assert overlap > 0
    sample(shop, tmp_path / "examples", config=run_config(split={"overlap_seconds": overlap}))
    with pytest.raises(InputDataError, match=rf"allow so much by split.overlap_seconds: {math.ceil(overlap)}"):
        sample(shop, tmp_path / "others", config=run_config(split={"overlap_seconds": overlap - 0.001}))


def test_a_folder_without_a_store(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(GraphStoreError, match="manifest.json"):
        sample(shop, tmp_path / "examples", graph_dir=str(shop.data))


def test_a_store_of_another_schema(shop: Shop, tmp_path: Path) -> None:
    schema = dataclasses.replace(SCHEMA, edge_sets={**SCHEMA.edge_sets, "made": EdgeSet("author", "video", {})})
    tables = tables_config(edge_sets={**TABLES["edge_sets"], "made": {"reverse_of": "made_by"}})
    with pytest.raises(SchemaError, match="was built with another graph.pbtxt"):
        sample(shop, tmp_path / "examples", schema=schema, tables=tables)
