"""Days added to a store against a build of all of them at once: every file the same, byte for byte."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop_tables import FIRST_TIME, INTEGER, NUMBER, RUN, TEXT, TEXTS

from beam_jobs.added_days.row_keyed_edges import RowKey, row_keyed_edge_sets
from beam_jobs.build_graph import build_graph
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.errors import GraphStoreError, InputDataError, SchemaError
from tfgrec.graph.schema import ID, READOUT, TIME, EdgeSet, GraphSchema, NodeSet
from tfgrec.graph.store.graph_store import GraphStore

SCHEMA = GraphSchema(
    context={TIME: INTEGER},
    node_sets={
        "user": NodeSet({ID: INTEGER, "age": NUMBER}),
        "video": NodeSet({ID: TEXT, "tags": TEXTS, "title": TEXT}),
        "tag": NodeSet({ID: TEXT}),
        "page": NodeSet({ID: TEXT}),
        READOUT: NodeSet({"click": NUMBER}),
    },
    edge_sets={
        "watched": EdgeSet("user", "video", {TIME: INTEGER, "seconds": NUMBER}),
        "watched_by": EdgeSet("video", "user", {TIME: INTEGER, "seconds": NUMBER}),
        "on_page": EdgeSet("user", "page", {TIME: INTEGER}),
        "co_watched": EdgeSet("video", "video", {TIME: INTEGER, "weight": NUMBER}),
        "friend": EdgeSet("user", "user", {}),
        "has_tag": EdgeSet("video", "tag", {}),
        "tag_of": EdgeSet("tag", "video", {}),
        f"{READOUT}/user": EdgeSet("user", READOUT, {}),
        f"{READOUT}/item": EdgeSet("video", READOUT, {}),
    },
)
TAGS = {"column": "tags", "separator": "|"}
TABLES: dict[str, Any] = {
    "tables": {
        "users": {"path": "users.csv"},
        "videos": {"path": "videos/*.csv"},
        "friends": {"path": "friends/*.csv"},
        "log": {"path": "log/*/*.csv", "time": {"column": "time", "unit": "milliseconds"}},
    },
    "node_sets": {
        "user": {"table": "users", "id": "user", "features": {"age": "age"}},
        "video": {"table": "videos", "id": "video", "features": {"tags": TAGS, "title": "title"}},
        "tag": {"table": "videos", "id": TAGS},
        "page": {"table": "log", "id": "page"},
    },
    "edge_sets": {
        "watched": {
            "sources": [{"table": "log", "source": "user", "target": "video", "features": {"seconds": "seconds"}}],
            "feedback_delay_seconds": 1,
        },
        "watched_by": {"reverse_of": "watched", "feedback_delay_seconds": 1},
        "co_watched": {
            "derived": {"kind": "co_watch", "from": "watched", "refresh_seconds": 2},
            "feedback_delay_seconds": 1,
        },
        "on_page": {"sources": [{"table": "log", "source": "user", "target": "page"}]},
        "friend": {"sources": [{"table": "friends", "source": "user", "target": "friend"}]},
        "has_tag": {"sources": [{"table": "videos", "source": "video", "target": TAGS}]},
        "tag_of": {"reverse_of": "has_tag"},
    },
    "requests": {
        "user_node_set": "user",
        "sources": [{"table": "log", "user": "user", "item": "video", "item_node_set": "video"}],
        "labels": {"click": "click"},
    },
}
NOBODY = 999
COLUMNS = {
    "users": ["user", "age"],
    "videos": ["video", "tags", "title"],
    "friends": ["user", "friend"],
    "log": ["user", "video", "page", "time", "seconds", "click"],
}

Rows = list[tuple]
Day = dict[str, Rows]


def config(shards: int = 2) -> RunConfig:
    return RunConfig.model_validate({**RUN, "build": {"shards": shards, "max_bad_row_share": 1.0}})


def tables(**changed: Any) -> TablesConfig:
    return TablesConfig.model_validate({**TABLES, "tables": {**TABLES["tables"], **changed}})


def build(data: Path, output: Path, add_to: Path | None = None, **options: Any) -> dict[str, Any]:
    given = {"config": config(), "tables": tables(), "schema": SCHEMA, **options}
    return build_graph(data_dir=str(data), output_dir=str(output), add_to=add_to, **given)


def write(data: Path, name: str, table: str, rows: Rows) -> None:
    (data / name).parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=COLUMNS[table]).to_csv(data / name, index=False)


def write_day(data: Path, number: int, day: Day, users: dict[int, int]) -> None:
    """New files of videos, friends and log; users.csv is written anew, longer and with the newest ages."""
    users.update(day.get("users", []))
    write(data, "users.csv", "users", sorted(users.items()))
    names = {"videos": f"videos/{number}.csv", "friends": f"friends/{number}.csv", "log": f"log/day={number}/x.csv"}
    for table, name in names.items():
        if day.get(table) or number == 0:
            write(data, name, table, day[table])


def contents(store: Path) -> dict[str, bytes]:
    """All files of a store but the manifest."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


def assert_equal_stores(added: Path, built: Path) -> None:
    assert contents(added) == contents(built)
    one, other = GraphStore.open(added), GraphStore.open(built)
    one.verify()
    assert one.manifest == other.manifest


@st.composite
def worlds(draw: st.DrawFn) -> list[Day]:
    """Days on which users and videos come up and are watched; some rows are bad, or name what nobody ever is."""
    days: list[Day] = []
    users, videos = [0], ["v0"]
    for number in range(draw(st.integers(2, 4))):
        new_users = draw(st.lists(st.integers(0, 60), max_size=4, unique=True))
        new_videos = draw(st.lists(st.sampled_from([f"v{n}" for n in range(1, 30)]), max_size=4, unique=True))
        new_videos = [name for name in new_videos if name not in videos]
        users, videos = [*users, *new_users], [*videos, *new_videos]
        tags = st.lists(st.sampled_from("abcdef"), max_size=3, unique=True).map("|".join)
        ages = st.integers(1, 9)
        known, watched = st.sampled_from([*users, NOBODY]), st.sampled_from([*videos, "nothing"])
        times = st.integers(0, 5).map(lambda step: FIRST_TIME + step * 1_000)
        rows = st.tuples(known, watched, st.sampled_from("pq"), times | st.just(-1), st.integers(0, 2), st.just(1))
        at_least = 1 if number == 0 else 0
        days.append(
            {
                "users": [(user, draw(ages)) for user in ([0] if number == 0 else []) + new_users],
                "videos": [(name, draw(tags), "t") for name in (["v0"] if number == 0 else []) + new_videos],
                "friends": draw(st.lists(st.tuples(known, known), min_size=at_least, max_size=3)),
                "log": draw(st.lists(rows, min_size=at_least, max_size=8)),
            }
        )
    return days


def check_world(days: list[Day], folder: Path, shards: int) -> None:
    users: dict[int, int] = {}
    store = folder / "0"
    for number, day in enumerate(days):
        write_day(folder / "data", number, day, users)
        before, store = store, folder / str(number)
        build(folder / "data", store, None if number == 0 else before, config=config(shards if number == 0 else 7))
    build(folder / "data", folder / "all", config=config(shards))
    assert_equal_stores(store, folder / "all")


class TestDaysAdded:
    @pytest.mark.slow
    def test_are_those_of_a_build_of_all(self, tmp_path: Path) -> None:
        """Users and videos that come later and stand before the others, ages that change, rows that are bad."""
        late = [(f"v{number}", "b|new", "t") for number in range(1, 12)]
        log = [(0, "v0", "p", FIRST_TIME + 5, 3, 1), (NOBODY, "v0", "p", FIRST_TIME, 1, 0), (0, "v0", "q", -1, 1, 0)]
        days = [
            {"users": [(0, 1), (5, 2)], "videos": [("v0", "a|b", "t")], "friends": [(0, 5)], "log": log},
            {
                "users": [(user, 4) for user in range(20, 30)],
                "videos": late,
                "friends": [(0, 21), (21, 0)],
                "log": [
                    (0, "v3", "r", FIRST_TIME, 1, 1),
                    (0, "v0", "p", FIRST_TIME + 1, 2, 1),
                    (21, "none", "r", FIRST_TIME + 5, 1, 1),
                ],
            },
            {"users": [(0, 9)], "log": [(5, "v9", "p", FIRST_TIME + 9, 2, 1)]},
        ]
        check_world(days, tmp_path, 2)
        manifest = GraphStore.open(tmp_path / "2").manifest
        assert manifest["edge_sets"]["co_watched"]["count"] > 0
        assert manifest["extra"]["tables"]["log"] == {
            "rows": 7,
            "bad_rows": 3,
            "reasons": {
                "time: is not a time in milliseconds between 1971 and 2200": 1,
                "user: is no known user": 1,
                "video: is no known video": 1,
            },
        }
        assert [file["path"] for file in manifest["extra"]["inputs"]["log"]] == [
            f"log/day={day}/x.csv" for day in (0, 1, 2)
        ]

    @pytest.mark.slow
    @given(days=worlds(), shards=st.integers(1, 3))
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    def test_are_those_of_a_build_of_all_in_any_world(
        self, days: list[Day], shards: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("world")
        check_world(days, folder, shards)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data` of one day and its `store`: to be copied."""
    folder = tmp_path_factory.mktemp("first")
    day = {
        "users": [(0, 1), (5, 2)],
        "videos": [("v0", "a|b", "old"), ("v1", "c", "old")],
        "friends": [(0, 5)],
        "log": [(0, "v0", "p", FIRST_TIME, 3, 1), (NOBODY, "v1", "p", FIRST_TIME, 1, 0)],
    }
    write_day(folder / "data", 0, day, {})
    build(folder / "data", folder / "store")
    return folder


@pytest.fixture()
def begun(first_day: Path, tmp_path: Path) -> Path:
    """A copy of the first day."""
    return Path(shutil.copytree(first_day, tmp_path / "begun"))


class TestRowsToldAgain:
    def test_the_newest_word_holds_for_features_and_for_the_edges_of_the_row(self, begun: Path) -> None:
        write(begun / "data", "videos/1.csv", "videos", [("v0", "b|z", "new"), ("v2", "a", "new")])
        manifest = build(begun / "data", begun / "added", begun / "store")
        store = GraphStore.open(begun / "added")
        nodes = store.lookup("video", np.array(["v0", "v1", "v2"], object))
        found = store.node_features("video", nodes)
        assert found["title"].to_pylist() == ["new", "old", "new"]
        assert found["tags"].to_pylist() == [["b", "z"], ["c"], ["a"]]
        tags = store.adjacency("has_tag")
        start, end = tags.row_bounds(nodes)
        targets = [tags.targets(np.arange(first, last)) for first, last in zip(start, end, strict=True)]
        named = [sorted(store.node_features("tag", of)[ID].to_pylist()) for of in targets]
        assert named == [["b", "z"], ["c"], ["a"]]
        assert store.adjacency("tag_of").num_edges == 4
        assert manifest["extra"]["tables"]["videos"]["rows"] == 4

    @pytest.mark.slow
    def test_a_changed_file_is_read_again_and_its_dead_letters_are_told_anew(self, begun: Path) -> None:
        write(begun / "data", "users.csv", "users", [(0, "old"), (5, 7), (7, "")])
        once = build(begun / "data", begun / "once", begun / "store")
        assert once["extra"]["tables"]["users"]["reasons"] == {"age: is empty": 1, "age: is not a finite number": 1}
        store = GraphStore.open(begun / "once")
        ages = store.node_features("user", store.lookup("user", np.array([0, 5])))
        assert ages["age"].to_pylist() == [1.0, 7.0]
        write(begun / "data", "users.csv", "users", [(0, 1), (5, 7), (7, 30)])
        twice = build(begun / "data", begun / "twice", begun / "once")
        assert twice["extra"]["tables"]["users"] == {"rows": 3, "bad_rows": 0, "reasons": {}}
        assert not list((begun / "twice" / "dead_letters").glob("users-*"))
        built = build(begun / "data", begun / "all")
        assert {**twice, "sha256": ""} == {**built, "sha256": ""}

    def test_a_row_that_is_bad_as_a_node_replaces_nothing(self, begun: Path) -> None:
        write(begun / "data", "videos/1.csv", "videos", [("v0", "z", "")])
        manifest = build(begun / "data", begun / "added", begun / "store")
        store = GraphStore.open(begun / "added")
        assert store.adjacency("has_tag").num_edges == 3
        assert manifest["extra"]["tables"]["videos"]["reasons"] == {"title: is empty": 1}

    def test_whose_edges_they_are(self) -> None:
        assert row_keyed_edge_sets(tables(), SCHEMA) == {
            "has_tag": RowKey("video", "#source"),
            "tag_of": RowKey("video", "#target"),
        }


class TestNothingNew:
    def test_gives_an_equal_store(self, begun: Path) -> None:
        manifest = build(begun / "data", begun / "added", begun / "store")
        assert contents(begun / "added") == contents(begun / "store")
        assert manifest == GraphStore.open(begun / "store").manifest

    @pytest.mark.slow
    def test_files_that_are_gone_are_no_matter(self, begun: Path) -> None:
        shutil.rmtree(begun / "data" / "log")
        write(begun / "data", "log/day=1/x.csv", "log", [(5, "v1", "q", FIRST_TIME, 1, 1)])
        build(begun / "data", begun / "added", begun / "store")
        assert GraphStore.open(begun / "added").adjacency("watched").num_edges == 2


class TestInPlace:
    @pytest.mark.slow
    def test_a_store_may_take_its_own_place_and_the_data_folder_may_have_moved(self, begun: Path) -> None:
        data = (begun / "data").rename(begun / "elsewhere")
        write(data, "log/day=1/x.csv", "log", [(NOBODY, "v1", "q", FIRST_TIME, 1, 1)])
        manifest = build(data, begun / "store", begun / "store")
        assert manifest["extra"]["tables"]["log"]["reasons"] == {"user: is no known user": 2}
        letters = [path.read_text().splitlines() for path in (begun / "store" / "dead_letters").glob("log-*.jsonl")]
        assert sum(map(len, letters)) == 2
        assert sorted(path.name for path in begun.iterdir()) == ["elsewhere", "store"]


class TestRefusals:
    def refused(self, error: type, message: str, folder: Path, **options: Any) -> None:
        with pytest.raises(error) as raised:
            build(folder / "data", folder / "added", folder / "store", **options)
        assert message in str(raised.value)
        assert not list(folder.glob("added*"))

    def test_a_log_file_that_changed(self, begun: Path) -> None:
        path = begun / "data" / "log" / "day=0" / "x.csv"
        path.write_text(path.read_text() + f"0,v1,q,{FIRST_TIME},1,1\n")
        self.refused(InputDataError, f"table 'log': {path}: has changed since {begun / 'store'} took it in (", begun)

    def test_edges_that_only_grow(self, begun: Path) -> None:
        write(begun / "data", "friends/0.csv", "friends", [(0, 5), (5, 0)])
        self.refused(InputDataError, "but edges of 'friend' are only ever added: build the graph anew", begun)

    @pytest.mark.slow
    def test_too_many_bad_rows_of_the_new_day(self, begun: Path) -> None:
        write(
            begun / "data",
            "log/day=1/x.csv",
            "log",
            [(NOBODY, "v1", "q", FIRST_TIME, 1, 1), (0, "v1", "q", FIRST_TIME, 1, 1)],
        )
        strict = RunConfig.model_validate({**RUN, "build": {"max_bad_row_share": 0.4}})
        with pytest.raises(InputDataError, match="table 'log': 1 of 2 rows are bad"):
            build(begun / "data", begun / "added", begun / "store", config=strict)
        assert not (begun / "added").exists()

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            (
                {"log": {**TABLES["tables"]["log"], "path": "log/**/*.csv"}},
                "was built with another tables.log in tables.yaml",
            ),
            ({"more": {"path": "more.csv"}}, "was built with another tables.more in tables.yaml"),
        ],
    )
    def test_other_tables(self, changed: dict, message: str, begun: Path) -> None:
        self.refused(SchemaError, message, begun, tables=tables(**changed))

    @pytest.mark.slow
    def test_counted_back_times(self, begun: Path, tmp_path: Path) -> None:
        time = {**TABLES["tables"]["log"]["time"], "counted_back": {"order": "seconds", "within": "user"}}
        dated = tables(log={"path": "log/*/*.csv", "time": time})
        build(begun / "data", begun / "store", tables=dated)
        write(begun / "data", "users.csv", "users", [(0, 1), (5, 2), (6, 3)])
        build(begun / "data", tmp_path / "users", begun / "store", tables=dated)
        write(begun / "data", "log/day=1/x.csv", "log", [(0, "v1", "q", FIRST_TIME, 1, 1)])
        self.refused(InputDataError, "x.csv: is new or has changed, and counted_back dates need", begun, tables=dated)

    def test_a_folder_without_tables(self, begun: Path) -> None:
        shutil.rmtree(begun / "data")
        self.refused(InputDataError, "data: has no file of any table", begun)

    def test_a_damaged_store(self, begun: Path) -> None:
        (file,) = (begun / "store" / "edges" / "friend").glob("00000-of-00002.arrow")
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        self.refused(GraphStoreError, "edges/friend/00000-of-00002.arrow: is damaged, its checksum is not", begun)

    def test_no_store(self, begun: Path) -> None:
        shutil.rmtree(begun / "store")
        self.refused(GraphStoreError, "store: there is no graph store", begun)
