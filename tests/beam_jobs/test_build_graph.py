"""The whole job against pandas: edges, features, counts, bad rows, and what a failed or repeated run leaves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shop_tables import (
    CLICK_DELAY,
    SCHEMA,
    TABLES,
    Frames,
    Shop,
    expected_edges,
    make_frames,
    run_config,
    same_rows,
    stored_edges,
    tables_config,
    write_frames,
)

from beam_jobs.build_graph import build_graph
from tfgrec.errors import InputDataError, SchemaError
from tfgrec.graph.schema import ID
from tfgrec.graph.store.graph_store import GraphStore


def build(data: Path, output: Path, *, config: Any = None, tables: Any = None, **options: Any) -> dict[str, Any]:
    return build_graph(
        config=config or run_config(),
        tables=tables or tables_config(),
        schema=SCHEMA,
        data_dir=str(data),
        output_dir=str(output),
        **options,
    )


def letters_of(folder: Path, table: str) -> list[dict[str, Any]]:
    lines = [line for file in sorted(folder.glob(f"{table}-*.jsonl")) for line in file.read_text().splitlines()]
    return sorted((json.loads(line) for line in lines), key=lambda letter: (letter["file"], letter["row"]))


@pytest.fixture()
def frames() -> Frames:
    return make_frames(rows=80)


class TestGoodTables:
    def test_holds_every_edge_that_pandas_finds(self, shop: Shop) -> None:
        store = GraphStore.open(shop.graph)
        for name, expected in expected_edges(shop.frames).items():
            assert same_rows(stored_edges(store, name), expected), name
            assert store.manifest["edge_sets"][name]["count"] == len(expected)

    def test_holds_every_node_with_its_features(self, shop: Shop) -> None:
        store = GraphStore.open(shop.graph)
        users, videos = shop.frames["users"], shop.frames["videos"]
        found = store.node_features("user", store.lookup("user", users["user"].to_numpy()))
        assert found[ID].to_pylist() == users["user"].tolist()
        assert found["group"].to_pylist() == users["group"].tolist()
        np.testing.assert_array_equal(found["age"].to_numpy(), users["age"].fillna(-1).to_numpy(np.float32))
        found = store.node_features("video", store.lookup("video", videos["video"].to_numpy()))
        assert found["tags"].to_pylist() == [text.split("|") if text else [] for text in videos["tags"]]
        np.testing.assert_array_equal(found["price"].to_numpy(), videos["price"].to_numpy())

    def test_node_sets_without_features_hold_each_id_once(self, shop: Shop) -> None:
        store = GraphStore.open(shop.graph)
        for name, ids in {"room": shop.frames["rooms"]["room"], "author": shop.frames["videos"]["author"]}.items():
            assert len(ids) > store.num_nodes(name) == ids.nunique()
        assert store.num_nodes("tag") == 3

    def test_counts_rows_and_none_bad(self, shop: Shop) -> None:
        manifest = GraphStore.open(shop.graph).manifest
        counted = {name: of["rows"] for name, of in manifest["extra"]["tables"].items()}
        assert counted == {name: len(frame) for name, frame in shop.frames.items()}
        assert all(of["bad_rows"] == 0 for of in manifest["extra"]["tables"].values())

    def test_delays_are_milliseconds(self, shop: Shop) -> None:
        delays = GraphStore.open(shop.graph).feedback_delays
        assert delays["clicked"] == delays["clicked_by"] == CLICK_DELAY
        assert delays["watched"] == delays["watched_by"] == 0

    def test_statistics_are_those_of_pandas(self, shop: Shop) -> None:
        statistics = GraphStore.open(shop.graph).statistics
        ages = shop.frames["users"]["age"].fillna(-1)
        assert statistics["user"]["age"]["numeric"]["count"] == len(ages)
        assert statistics["user"]["age"]["numeric"]["mean"] == pytest.approx(ages.mean())
        groups = shop.frames["users"]["group"].value_counts()
        assert dict(statistics["user"]["group"]["categorical"]["values"]) == groups.to_dict()

    def test_files_are_those_of_any_batch_size_and_any_row_order(self, shop: Shop, tmp_path: Path) -> None:
        shuffled = {
            name: frame.sample(frac=1, random_state=3) if name != "history" else frame
            for name, frame in shop.frames.items()
        }
        data = write_frames(shuffled, tmp_path / "data")
        build(data, tmp_path / "graph", config=run_config(build={"rows_per_batch": 13}))
        one, other = (GraphStore.open(path).manifest for path in (shop.graph, tmp_path / "graph"))
        for kind in ("node_sets", "edge_sets"):
            assert one[kind] == other[kind]


class TestBadRows:
    def test_each_kind_is_kept_aside_with_its_reason(self, frames: Frames, tmp_path: Path) -> None:
        users, videos, log = frames["users"].astype(object), frames["videos"], frames["log"].astype(object)
        users.loc[33, "user"] = np.nan
        users.loc[35, "age"] = "old"
        users.loc[36, "user"] = "six"
        users.loc[37, "group"] = np.nan
        users = pd.concat([users, users.iloc[[0]].assign(group="z")], ignore_index=True)
        videos.loc[2, "author"] = None
        log.loc[1, "time_ms"] = "yesterday"
        log.loc[2, "time_ms"] = np.nan
        log.loc[4, "video"] = 1
        log.loc[5, "user"] = users.loc[37, "user"]
        log.loc[6, "liked"] = "much"
        log.loc[50, "click"] = "maybe"
        data = write_frames(frames | {"users": users, "log": log}, tmp_path / "data")
        manifest = build(data, tmp_path / "graph", config=run_config(build={"max_bad_row_share": 0.2}))

        letters = {table: letters_of(tmp_path / "graph" / "dead_letters", table) for table in frames}
        reasons = {
            table: [(Path(letter["file"]).name, letter["row"], letter["reason"]) for letter in of_table]
            for table, of_table in letters.items()
        }
        no_time = "time_ms: is not a time in milliseconds between 1971 and 2200"
        assert reasons == {
            "users": [
                ("users.csv", 34, "user: is empty"),
                ("users.csv", 36, "age: is not a finite number"),
                ("users.csv", 37, "user: is not a whole number"),
                ("users.csv", 38, "group: is empty"),
                ("users.csv", 41, "user: is the id of an earlier row too"),
            ],
            "videos": [("videos.parquet", 3, "author: is empty")],
            "log": [
                ("log-1.csv", 2, no_time),
                ("log-1.csv", 3, "time_ms: is empty"),
                ("log-1.csv", 5, "video: is no known video"),
                ("log-1.csv", 6, "user: is no known user"),
                ("log-1.csv", 7, "liked: is not a finite number"),
                ("log-2.csv", 11, "click: is not a number"),
            ],
            "rooms": [],
            "live": [],
            "history": [],
        }
        read = ("user", "video", "click", "liked", "time_ms")
        assert letters["log"][0]["values"] == {name: str(log.loc[1, name]) for name in read}
        assert all(letter["table"] == table for table, of_table in letters.items() for letter in of_table)

        counted = manifest["extra"]["tables"]
        assert counted["log"]["rows"] == len(log)
        assert counted["log"]["reasons"]["video: is no known video"] == 1
        assert {table: of["bad_rows"] for table, of in counted.items()} == {
            table: len(of_table) for table, of_table in letters.items()
        }

    def test_the_rest_of_a_bad_row_is_used(self, frames: Frames, tmp_path: Path) -> None:
        """A video without an author stays a video with its tags; an impression with a bad like is still a click."""
        frames["videos"].loc[2, "author"] = None
        log = frames["log"].astype(object)
        log["click"] = 1
        log.loc[6, "liked"] = "much"
        data = write_frames(frames | {"log": log}, tmp_path / "data")
        build(data, tmp_path / "graph", config=run_config(build={"max_bad_row_share": 0.2}))
        store = GraphStore.open(tmp_path / "graph")
        assert store.num_nodes("video") == len(frames["videos"])
        assert store.adjacency("made_by").num_edges == len(frames["videos"]) - 1
        assert store.adjacency("has_tag").num_edges == len(expected_edges(frames)["has_tag"])
        assert store.adjacency("clicked").num_edges == len(log)
        assert store.adjacency("watched").num_edges == len(log) + len(frames["history"]) - 1

    def test_the_first_row_of_an_id_wins_and_the_others_make_no_edges(self, frames: Frames, tmp_path: Path) -> None:
        videos = frames["videos"]
        twice = videos.iloc[[2]].assign(price=9.0, author="somebody else", tags="old")
        bad_too = twice.assign(author=None, tags="new")
        frames["videos"] = pd.concat([videos, twice, videos.iloc[[4]], bad_too], ignore_index=True)
        data = write_frames(frames, tmp_path / "data")
        build(data, tmp_path / "graph", config=run_config(build={"max_bad_row_share": 0.2}))
        store = GraphStore.open(tmp_path / "graph")
        found = store.node_features("video", store.lookup("video", videos["video"].to_numpy()))
        np.testing.assert_array_equal(found["price"].to_numpy(), videos["price"].to_numpy())
        expected = expected_edges(frames | {"videos": videos})
        for name in ("has_tag", "tag_of", "made_by"):
            assert same_rows(stored_edges(store, name), expected[name]), name
        letters = letters_of(tmp_path / "graph" / "dead_letters", "videos")
        assert [letter["row"] for letter in letters] == [26, 27, 28]
        assert letters[0]["values"] == {"video": int(twice["video"].iloc[0]), "price": 9.0, "tags": ["old"]}

    def test_malformed_rows_and_broken_text_are_bad_rows(self, frames: Frames, tmp_path: Path) -> None:
        data = write_frames(frames, tmp_path / "data")
        file = data / "log-1.csv"
        lines = file.read_bytes().splitlines()
        lines[3] += b",one cell more"
        lines[5] = b"\xff" + lines[5][1:]
        file.write_bytes(b"\n".join(lines))
        manifest = build(data, tmp_path / "graph", config=run_config(build={"max_bad_row_share": 0.2}))
        letters = letters_of(tmp_path / "graph" / "dead_letters", "log")
        assert [(letter["row"], letter["reason"]) for letter in letters] == [
            (3, "has 9 cells where the header has 8"),
            (5, "is not UTF-8 text"),
        ]
        assert manifest["extra"]["tables"]["log"]["rows"] == len(frames["log"])

    def test_too_many_fail_the_job_and_are_kept_beside_its_output(self, frames: Frames, tmp_path: Path) -> None:
        log = frames["log"].astype(object)
        log.loc[[1, 60], "video"] = 1
        log.loc[2, "time_ms"] = "never"
        data = write_frames(frames | {"log": log}, tmp_path / "data")
        with pytest.raises(InputDataError) as raised:
            build(data, tmp_path / "graph", config=run_config(build={"max_bad_row_share": 0.02}))
        message = str(raised.value)
        assert "table 'log': 3 of 80 rows are bad, more than build.max_bad_row_share (0.02) allows" in message
        assert "video: is no known video (2)" in message
        assert "log-1.csv row 2: video: is no known video" in message
        assert str(tmp_path / "graph.dead_letters") in message
        assert len(letters_of(tmp_path / "graph.dead_letters", "log")) == 3
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "graph.dead_letters"]

        build(data, tmp_path / "graph", config=run_config(build={"max_bad_row_share": 0.05}))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "graph"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda data: (data / "users.csv").unlink(), "users.csv: did you mean 'rooms.csv'"),
            (lambda data: [path.unlink() for path in data.glob("log-*.csv")], "log-*.csv"),
            (lambda data: (data / "users.csv").write_text(""), "users.csv: can't be read as CSV"),
            (lambda data: (data / "rooms.csv").write_text("room\n"), "rooms.csv: there are no rows"),
            (lambda data: (data / "rooms.csv").write_text("romo\na\n"), "has no column 'room': did you mean 'romo'?"),
            (
                lambda data: (data / "live.parquet").write_bytes(b"PAR1 nothing"),
                "live.parquet: can't be read as Parquet",
            ),
        ],
        ids=["file", "glob", "nothing", "rows", "column", "damaged"],
    )
    def test_names_the_file_and_the_column(self, spoil: Any, message: str, frames: Frames, tmp_path: Path) -> None:
        data = write_frames(frames, tmp_path / "data")
        spoil(data)
        with pytest.raises(InputDataError) as raised:
            build(data, tmp_path / "graph")
        assert message in str(raised.value)
        assert not list(tmp_path.glob("graph*"))

    def test_what_a_worker_finds_comes_back_as_it_is(self, frames: Frames, tmp_path: Path) -> None:
        """A Parquet file whose footer is whole and whose data are not."""
        data = write_frames(frames, tmp_path / "data")
        content = (data / "live.parquet").read_bytes()
        (data / "live.parquet").write_bytes(content[:4] + b"\x00" * 900 + content[904:])
        with pytest.raises(InputDataError, match="live.parquet: can't be read"):
            build(data, tmp_path / "graph")
        assert not list(tmp_path.glob("graph*"))

    def test_a_column_of_lists_is_no_number(self, frames: Frames, tmp_path: Path) -> None:
        frames["history"]["liked"] = [[1]] * len(frames["history"])
        with pytest.raises(
            InputDataError, match=r"table 'history': .*/history.parquet: column 'liked': expected numbers or text"
        ):
            build(write_frames(frames, tmp_path / "data"), tmp_path / "graph")

    @pytest.mark.parametrize(
        ("where", "message"),
        [
            ({"click": 7}, "no row of table 'log' has 7 in column 'click': .* found '0', '1'"),
            ({"click": 1, "tab": [8, 9]}, "has 8 or 9 in column 'tab'"),
            ({"click": 1, "day": 1, "time_ms": 0}, "has 0 in column 'time_ms'"),
        ],
    )
    def test_an_edge_set_that_no_row_feeds(self, where: dict, message: str, frames: Frames, tmp_path: Path) -> None:
        sources = [{"table": "log", "source": "user", "target": "video", "where": where}]
        clicked = {**TABLES["edge_sets"]["clicked"], "sources": sources}
        tables = tables_config(edge_sets={**TABLES["edge_sets"], "clicked": clicked})
        with pytest.raises(InputDataError, match=message):
            build(write_frames(frames, tmp_path / "data"), tmp_path / "graph", tables=tables)

    def test_tables_that_do_not_fit_the_schema(self, frames: Frames, tmp_path: Path) -> None:
        tables = tables_config(
            node_sets={**tables_config().model_dump()["node_sets"], "rom": {"table": "rooms", "id": "room"}}
        )
        with pytest.raises(SchemaError, match="rom"):
            build(write_frames(frames, tmp_path / "data"), tmp_path / "graph", tables=tables)

    def test_a_folder_of_something_else_is_not_replaced(self, frames: Frames, tmp_path: Path) -> None:
        (tmp_path / "graph").mkdir()
        (tmp_path / "graph" / "thesis.txt").write_text("years of work")
        with pytest.raises(InputDataError, match="holds files of something else"):
            build(write_frames(frames, tmp_path / "data"), tmp_path / "graph")
        assert (tmp_path / "graph" / "thesis.txt").read_text() == "years of work"


def test_a_finished_store_is_replaced_and_progress_is_told(frames: Frames, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    build(write_frames(frames, tmp_path / "data"), tmp_path / "graph")
    frames["users"] = frames["users"].assign(group="c")
    build(write_frames(frames, tmp_path / "data"), tmp_path / "graph", on_progress=lambda *at: seen.append(at))
    store = GraphStore.open(tmp_path / "graph")
    store.verify()
    assert set(store.node_features("user", np.arange(40))["group"].to_pylist()) == {"c"}
    assert not list(tmp_path.glob("graph.*"))
    files = list((tmp_path / "graph").rglob("*.arrow"))
    assert seen[-1] == (len(files), len(files))
