"""A store and its log against a store that was built with the same rows: the same examples, byte for byte."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shop_tables import CLICK_DELAY, FIRST_TIME, RUN, TABLES, TEXT, Frames, expected_edges
from shop_tables import SCHEMA as SHOP

from tfgrec.config import TablesConfig
from tfgrec.config.sampling import SamplingConfig
from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.log.event_log import EventLog
from tfgrec.graph.schema import TIME, EdgeSet
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.store_writer import GraphStoreWriter

# An edge set with text besides.
PLACED = EdgeSet("user", "video", {TIME: SHOP.context[TIME], "place": TEXT})
SCHEMA = dataclasses.replace(SHOP, edge_sets={**SHOP.edge_sets, "placed": PLACED})
PLACED_TABLE = {"sources": [{"table": "log", "source": "user", "target": "video", "features": {"place": "place"}}]}
CONFIG = TablesConfig.model_validate({**TABLES, "edge_sets": {**TABLES["edge_sets"], "placed": PLACED_TABLE}})
SAMPLING = SamplingConfig.model_validate(
    {
        **RUN["sampling"],
        "hops": [
            {
                "watched": {"fan_out": 4, "strategy": "weighted", "weight": "liked"},
                "clicked": {"fan_out": 2, "strategy": "uniform"},
                "placed": {"fan_out": 3, "window_seconds": 4},
                "visited": 2,
                "watched_by": {"fan_out": 2, "strategy": "uniform"},
                "visited_by": 2,
                "has_tag": 2,
                "made_by": 1,
            },
            {"watched": {"fan_out": 2, "strategy": "top_by_weight", "weight": "liked"}, "clicked_by": 2, "tag_of": 3},
        ],
        "history": {"watched": {"newest": 5, "features": ["tags"]}, "placed": 4, "visited": 5},
    }
)
USERS, VIDEOS, ROOMS = [1, 2, 3], [10, 11, 12, 13], ["x", "y"]
TAGS = ["", "new", "new|old", "old"]


def users(ids: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"user": ids, "group": ["ab"[i % 2] for i in ids], "age": [float(i) for i in ids]})


def videos(ids: list[int]) -> pd.DataFrame:
    made = {"author": [f"author {i % 3}" for i in ids], "price": np.array(ids, np.float32) / 7}
    return pd.DataFrame({"video": ids, **made, "tags": [TAGS[i % 4] for i in ids]})


def log(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["user", "video", "second", "click", "liked", "place"])
    return frame.assign(time_ms=FIRST_TIME + frame.pop("second") * 1_000)


def live(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["user", "room", "second"])
    at = pd.to_datetime(FIRST_TIME + frame.pop("second").astype(np.int64) * 1_000, unit="ms")
    return frame.assign(at=at.dt.strftime("%Y-%m-%d %H:%M:%S.%f"))


SECONDS = st.integers(0, 12)
# Users 4 and 5, videos 14 and 15 and room z may come as rows, or not.
LOG_ROWS = st.tuples(
    st.sampled_from([*USERS, 4, 5]),
    st.sampled_from([*VIDEOS, 14, 15]),
    SECONDS,
    st.integers(0, 1),
    st.integers(0, 2),
    st.sampled_from(["top", "side", "end"]),
)
LIVE_ROWS = st.tuples(st.sampled_from([*USERS, 4]), st.sampled_from([*ROOMS, "z"]), SECONDS)


@st.composite
def appended(draw: st.DrawFn) -> list[dict[str, pd.DataFrame]]:
    """What is appended, one call after another."""
    new_users, new_videos, new_rooms = draw(st.permutations([4, 5])), draw(st.permutations([14, 15])), ["z"]
    calls = []
    for _ in range(draw(st.integers(1, 4))):
        call = {"log": log(draw(st.lists(LOG_ROWS, max_size=6))), "live": live(draw(st.lists(LIVE_ROWS, max_size=2)))}
        for name, make, left in (("users", users, new_users), ("videos", videos, new_videos)):
            if left and draw(st.booleans()):
                call[name] = make([left.pop()])
        if new_rooms and draw(st.booleans()):
            call["rooms"] = pd.DataFrame({"room": [new_rooms.pop()]})
        calls.append({name: frame for name, frame in call.items() if len(frame)})
    return calls


def base_frames(rows: list[tuple], live_rows: list[tuple]) -> Frames:
    history = {"user": [1, 1, 2], "video": [10, 11, 10], "position": [1, 2, 1], "liked": [1, 0, 2]}
    return {
        "users": users(USERS),
        "videos": videos(VIDEOS),
        "rooms": pd.DataFrame({"room": ROOMS}),
        "log": log(rows),
        "live": live(live_rows),
        "history": pd.DataFrame({**history, "last_ms": FIRST_TIME}),
    }


def write_store(folder: Path, frames: Frames, shards: int) -> Path:
    """A graph store of tables, without the job: rows that name unknown nodes feed nothing."""
    writer, entries = GraphStoreWriter(folder, SCHEMA, shards), []
    tags = [[tag for tag in cell.split("|") if tag] for cell in frames["videos"]["tags"]]
    features = {"age": frames["users"]["age"].astype(np.float32), "group": frames["users"]["group"]}
    nodes = {
        "user": (frames["users"]["user"], {name: pa.array(column) for name, column in features.items()}),
        "video": (
            frames["videos"]["video"],
            {"price": pa.array(frames["videos"]["price"]), "tags": pa.array(tags, pa.list_(pa.string()))},
        ),
        "room": (frames["rooms"]["room"], {}),
        "author": (frames["videos"]["author"].drop_duplicates(), {}),
        "tag": (pd.Series(sorted({tag for cell in tags for tag in cell}), dtype=object), {}),
    }
    for name, (ids, columns) in nodes.items():
        ids = ids.to_numpy()
        of_shard = writer.shard_of(ids)
        for shard in range(shards):
            chosen = np.flatnonzero(of_shard == shard)
            own = {key: column.take(pa.array(chosen)) for key, column in columns.items()}
            entries.append(writer.write_node_shard(name, shard, ids[chosen], own))
    edges = expected_edges(frames)
    placed = frames["log"].rename(columns={"user": "source", "video": "target", "time_ms": "time"})
    edges["placed"] = placed[["source", "target", "time", "place"]]
    for name, rows in edges.items():
        rows = rows.infer_objects()
        edge_set = SCHEMA.edge_sets[name]
        source = writer.node_index(edge_set.source).lookup(rows["source"].to_numpy())
        target = writer.node_index(edge_set.target).lookup(rows["target"].to_numpy())
        known = (source >= 0) & (target >= 0)
        source, target, rows = source[known], target[known], rows[known]
        of_shard = writer.shard_of_nodes(edge_set.source, source)
        for shard in range(shards):
            own = of_shard == shard
            features = {key: pa.array(rows[key][own]) for key in edge_set.features if key != TIME}
            times = rows["time"].to_numpy()[own] if edge_set.timed else None
            entries.append(writer.write_edge_shard(name, shard, source[own], target[own], times, features))
    writer.finish(entries, {}, {"clicked": CLICK_DELAY, "clicked_by": CLICK_DELAY}, {})
    return folder


def together(frames: Frames, calls: list[dict[str, pd.DataFrame]]) -> Frames:
    """The tables with all rows that were appended."""
    return {
        name: pd.concat([frame, *(call[name] for call in calls if name in call)], ignore_index=True)
        for name, frame in frames.items()
    }


def requests_of(frames: Frames) -> list[OnlineRequest]:
    """Every known user and item at several moments, one candidate and all of them."""
    items = {"video": frames["videos"]["video"].tolist(), "room": frames["rooms"]["room"].tolist()}
    candidates = [(name, of) for name, ids in items.items() for of in ([ids[0]], ids[::-1])]
    return [
        OnlineRequest(user, FIRST_TIME + second * 1_000 + 1, ids, {"tab": 1}, item_node_set=name)
        for user in frames["users"]["user"].tolist()
        for second in (3, 8, 30)
        for name, ids in candidates
    ]


ROWS, LIVE = st.lists(LOG_ROWS, min_size=1, max_size=12), st.lists(LIVE_ROWS, min_size=1, max_size=3)


@settings(max_examples=12, deadline=None)
@given(ROWS, LIVE, appended(), st.integers(1, 3))
# A new user and a new video without an event of their own: some edge sets that leave them get none.
@example([(2, 15, 0, 1, 1, "end"), (4, 13, 7, 1, 1, "top")], [], [{"users": users([5]), "videos": videos([15])}], 2)
def test_any_sequence_of_appends_is_seen_as_if_it_had_been_built_in(
    rows: list[tuple], live_rows: list[tuple], calls: list[dict[str, pd.DataFrame]], shards: int
) -> None:
    base = base_frames([row for row in rows if row[0] in USERS and row[1] in VIDEOS], [])
    # Rows that the job would leave out: the log keeps them, until their nodes come.
    first = {"log": log(rows), "live": live(live_rows)}
    calls = [first, *calls]
    with TemporaryDirectory() as folder:
        store = write_store(Path(folder, "store"), base, shards)
        service = ExampleService.open_live(store, sampling=SAMPLING, tables=CONFIG, durable=False)
        other = ExampleService.open_live(store, sampling=SAMPLING, tables=CONFIG)
        for call in calls:
            service.append(call)
        every = together(base, calls)
        rebuilt = GraphStore.open(write_store(Path(folder, "rebuilt"), every, shards))
        expected_service = ExampleService(store=rebuilt, sampling=SAMPLING, requests=CONFIG.requests)
        requests = requests_of(every)
        expected = expected_service.examples(requests)
        assert service.examples(requests) == expected
        assert [service.examples([request])[0] for request in requests[::5]] == expected[::5]
        assert other.examples(requests) == expected, "another service sees them too"
        late = ExampleService.open_live(store, sampling=SAMPLING, tables=CONFIG)
        assert late.examples(requests[::-1]) == expected[::-1], "and one that is opened later"


@pytest.fixture
def service(tmp_path: Path) -> ExampleService:
    store = write_store(tmp_path / "store", base_frames([(1, 10, 3, 1, 2, "top")], [(1, "x", 2)]), 2)
    return ExampleService.open_live(store, sampling=SAMPLING, tables=CONFIG, most_rows=5)


GOOD = [(1, 11, 4, 1, 1, "top"), (2, 11, 5, 0, 1, "side")]
BAD: dict[str, tuple[Mapping, str]] = {
    "table": ({"logs": log(GOOD)}, "unknown table 'logs': did you mean 'log'"),
    "column": ({"log": log(GOOD).drop(columns="place")}, "table 'log': columns are missing: place"),
    "cell": ({"log": log(GOOD).assign(liked=["1", "much"])}, "table 'log': row 1: liked: is not a finite number"),
    "time": ({"log": log(GOOD).assign(time_ms=[1, 2])}, "table 'log': row 0: time_ms: is not a time in milliseconds"),
    "node": ({"users": users([7, 2]), "log": log(GOOD)}, "table 'users': user 2 is the id of an earlier row too"),
    "twice": ({"users": users([7, 7])}, "table 'users': user 7 is the id of an earlier row too"),
    "dated back": ({"history": pd.DataFrame({"user": [1]})}, "counted_back dates need the whole log"),
    "kind": ({"log": 3}, "expected rows of a table, received int"),
    "types": ({"log": [{"user": 1}, {"user": "a"}]}, "events: "),
    "many": ({"log": log(GOOD * 3)}, "holds 0 rows of events, at most 5 are kept"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_not_be_taken_in_is_refused_as_a_whole(service: ExampleService, case: str) -> None:
    events, message = BAD[case]
    with pytest.raises(InputDataError, match=message):
        service.append(events)
    assert EventLog(service._store._log.path).end() == 0
    service.append({"log": log(GOOD).to_dict("records")})


def test_outcomes_are_seen_after_their_delay(service: ExampleService) -> None:
    def counted(second: int) -> float:
        batch = service._batch("video", {0: OnlineRequest(2, FIRST_TIME + second * 1_000, [10], {"tab": 1})})
        return float(service._encoder.encode(batch).computed["user_since_clicked"][0])

    service.append({"log": log([(2, 11, 4, 1, 1, "top")])})
    assert counted(4 + CLICK_DELAY // 1_000) == -1
    assert counted(5 + CLICK_DELAY // 1_000) == 1 + CLICK_DELAY / 1_000


def test_a_store_without_its_log_takes_no_events(service: ExampleService, tmp_path: Path) -> None:
    plain = ExampleService.open(tmp_path / "store", sampling=SAMPLING, requests=CONFIG.requests)
    with pytest.raises(GraphStoreError, match="open it with ExampleService.open_live"):
        plain.append({"log": log(GOOD)})
    second = ExampleService.open_live(tmp_path / "store", sampling=SAMPLING, tables=CONFIG)
    service.append({"log": log(GOOD)})
    with pytest.raises(GraphStoreError, match="a log has one writer"):
        second.append({"log": log(GOOD)})
