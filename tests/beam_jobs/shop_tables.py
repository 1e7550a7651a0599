"""A small app with videos and live rooms as tables on disk, and what a graph of them must hold by pandas' count."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.schema import ID, READOUT, TIME, EdgeSet, Feature, GraphSchema, NodeSet
from tfgrec.graph.store.graph_store import GraphStore

INTEGER, NUMBER, TEXT, TEXTS = Feature("int64"), Feature("float32"), Feature("string"), Feature("string", True)
FIRST_TIME = 1_650_000_000_000
DAY = 86_400_000
CLICK_DELAY = 5_000

SCHEMA = GraphSchema(
    context={TIME: INTEGER},
    node_sets={
        "user": NodeSet({ID: INTEGER, "group": TEXT, "age": NUMBER}),
        "video": NodeSet({ID: INTEGER, "price": NUMBER, "tags": TEXTS}),
        "room": NodeSet({ID: TEXT}),
        "author": NodeSet({ID: TEXT}),
        "tag": NodeSet({ID: TEXT}),
        READOUT: NodeSet(
            {
                "tab": INTEGER,
                "hour": INTEGER,
                "user_watched": NUMBER,
                "user_since_clicked": NUMBER,
                "item_seen": NUMBER,
                "user_mean_liked": NUMBER,
                "user_viewer_watched": NUMBER,
                "viewers_liked": NUMBER,
                "kin_mean_liked": NUMBER,
                "click": NUMBER,
                "seconds": NUMBER,
            }
        ),
    },
    edge_sets={
        "watched": EdgeSet("user", "video", {TIME: INTEGER, "liked": NUMBER}),
        "watched_by": EdgeSet("video", "user", {TIME: INTEGER, "liked": NUMBER}),
        "clicked": EdgeSet("user", "video", {TIME: INTEGER}),
        "clicked_by": EdgeSet("video", "user", {TIME: INTEGER}),
        "visited": EdgeSet("user", "room", {TIME: INTEGER}),
        "visited_by": EdgeSet("room", "user", {TIME: INTEGER}),
        "has_tag": EdgeSet("video", "tag", {}),
        "tag_of": EdgeSet("tag", "video", {}),
        "made_by": EdgeSet("video", "author", {}),
        f"{READOUT}/user": EdgeSet("user", READOUT, {}),
        f"{READOUT}/item": EdgeSet("video", READOUT, {}),
        f"{READOUT}/item_room": EdgeSet("room", READOUT, {}),
    },
)

AGE = {"column": "age", "missing": -1}
TABLES: dict[str, Any] = {
    "tables": {
        "users": {"path": "users.csv"},
        "videos": {"path": "videos.parquet"},
        "rooms": {"path": "rooms.csv"},
        "log": {"path": "log-*.csv", "time": {"column": "time_ms", "unit": "milliseconds"}},
        "live": {"path": "live.parquet", "time": {"column": "at", "format": "%Y-%m-%d %H:%M:%S.%f"}},
        "history": {
            "path": "history.parquet",
            "time": {
                "column": "last_ms",
                "unit": "milliseconds",
                "counted_back": {"order": "position", "within": "user", "step_seconds": 2},
            },
        },
    },
    "node_sets": {
        "user": {
            "table": "users",
            "id": "user",
            "features": {"group": "group", "age": {"column": "age", "missing": -1}},
        },
        "video": {
            "table": "videos",
            "id": "video",
            "features": {"price": "price", "tags": {"column": "tags", "separator": "|"}},
        },
        "room": {"table": "rooms", "id": "room"},
        "author": {"table": "videos", "id": "author"},
        "tag": {"table": "videos", "id": {"column": "tags", "separator": "|"}},
    },
    "edge_sets": {
        "watched": {
            "sources": [
                {"table": "history", "source": "user", "target": "video", "features": {"liked": "liked"}},
                {"table": "log", "source": "user", "target": "video", "features": {"liked": "liked"}},
            ]
        },
        "watched_by": {"reverse_of": "watched"},
        "clicked": {
            "sources": [{"table": "log", "source": "user", "target": "video", "where": {"click": 1}}],
            "feedback_delay_seconds": CLICK_DELAY / 1_000,
        },
        "clicked_by": {"reverse_of": "clicked", "feedback_delay_seconds": CLICK_DELAY / 1_000},
        "visited": {"sources": [{"table": "live", "source": "user", "target": "room"}]},
        "visited_by": {"reverse_of": "visited"},
        "has_tag": {
            "sources": [{"table": "videos", "source": "video", "target": {"column": "tags", "separator": "|"}}]
        },
        "tag_of": {"reverse_of": "has_tag"},
        "made_by": {"sources": [{"table": "videos", "source": "video", "target": "author"}]},
    },
    "requests": {
        "user_node_set": "user",
        "sources": [
            {"table": "log", "user": "user", "item": "video", "item_node_set": "video", "group_by": ["tab"]},
            {"table": "live", "user": "user", "item": "room", "item_node_set": "room", "group_by": ["tab"]},
        ],
        "features": {"tab": "tab", "hour": {"time_part": "hour", "utc_offset_hours": 8}},
        "labels": {"click": "click", "seconds": "seconds"},
        "temporal_degrees": {
            "user_watched": {"of": "user", "edge_set": "watched"},
            "user_since_clicked": {"of": "user", "edge_set": "clicked", "measure": "seconds_since_last"},
            "item_seen": {"of": "item", "edge_set": {"video": "watched_by", "room": "visited_by"}},
            "user_mean_liked": {"of": "user", "edge_set": "watched", "measure": "mean", "feature": "liked"},
            # Of the item's viewers the one who watched most of what the user watched.
            "user_viewer_watched": {
                "of": "user",
                "edge_set": "watched",
                "shared_with_item": {"edge_set": {"video": "watched_by", "room": "visited_by"}},
                "over_keys": "best",
            },
            "viewers_liked": {
                "of": "item",
                "through": {"video": "watched_by", "room": "visited_by"},
                "edge_set": "watched",
                "measure": "sum",
                "feature": "liked",
            },
            # Of the videos with the same tag, or of those that a visitor watched.
            "kin_mean_liked": {
                "of": "item",
                "through": {"video": ["has_tag", "tag_of"], "room": ["visited_by", "watched"]},
                "edge_set": "watched_by",
                "measure": "mean",
                "feature": "liked",
                "over_keys": "mean",
            },
        },
    },
}

RUN: dict[str, Any] = {
    "name": "shop",
    "schema_dir": "schemas/shop",
    "split": {"column": "day", "train": [1, 4], "validation": [5, 6], "overlap_seconds": 10**7},
    "build": {"shards": 2, "rows_per_batch": 97, "max_bad_row_share": 0.0},
    "sampling": {
        "hops": [
            {"watched": 4, "clicked": 2, "visited": 2, "watched_by": 3, "visited_by": 2, "has_tag": 2, "made_by": 1},
            {"watched": 2, "clicked_by": 2},
        ],
        "history": {"watched": {"newest": 9, "features": ["tags"]}, "clicked": 3, "visited": 5},
        "requests_per_batch": 50,
        "output_shards": 3,
    },
    "model": {"tasks": {"click": {"label": "click"}}},
}

Frames = dict[str, pd.DataFrame]


def tables_config(**tables: Any) -> TablesConfig:
    """The configuration of the tables; keyword arguments replace whole parts (`edge_sets=...`)."""
    return TablesConfig.model_validate({**TABLES, **tables})


def run_config(**parts: Mapping[str, Any]) -> RunConfig:
    """The configuration of the run; keyword arguments are keys to change within a part (`build={"shards": 1}`)."""
    return RunConfig.model_validate({**RUN, **{name: {**RUN[name], **changes} for name, changes in parts.items()}})


def make_frames(seed: int = 0, rows: int = 400) -> Frames:
    """Tables without a bad row: equal times, several candidates in a request, empty labels, users who do nothing."""
    random = np.random.default_rng(seed)
    users, videos, rooms = np.arange(40) * 7, np.arange(25) + 10**15, [f"room {i}" for i in range(6)]

    def impressions(items: Any, count: int) -> pd.DataFrame:
        # Few distinct times, so that users have several candidates at once and edges share times.
        times = FIRST_TIME + np.sort(random.integers(0, count // 2, count)) * 60_000
        return pd.DataFrame(
            {
                "user": random.choice(users[:12], count),
                "item": random.choice(items, count),
                "time_ms": times,
                "day": 1 + np.arange(count) * 6 // count,
                "tab": random.integers(0, 3, count),
                "click": random.integers(0, 2, count),
                "liked": random.integers(0, 2, count),
                "seconds": np.where(random.random(count) < 0.2, np.nan, random.integers(0, 90, count)),
            }
        )

    live = impressions(rooms, rows // 4).rename(columns={"item": "room"})
    live["at"] = pd.to_datetime(live.pop("time_ms"), unit="ms").dt.strftime("%Y-%m-%d %H:%M:%S.%f")
    history = pd.DataFrame({"user": random.choice(users[:30], 150), "video": random.choice(videos, 150)})
    history["position"] = history.groupby("user").cumcount() * 3
    history["last_ms"] = FIRST_TIME - DAY + history["user"]
    history["liked"] = random.integers(0, 2, 150)
    tags = [[], ["new"], ["new", "short"], ["old"]]
    return {
        "users": pd.DataFrame(
            {"user": users, "group": random.choice(["a", "b"], 40), "age": np.where(users % 3, users / 10, np.nan)}
        ),
        "videos": pd.DataFrame(
            {
                "video": videos,
                "author": [f"author {i % 7}" for i in range(25)],
                "price": random.random(25).astype(np.float32),
                "tags": ["|".join(tags[i % 4]) for i in range(25)],
            }
        ),
        "rooms": pd.DataFrame({"room": [*rooms, *rooms]}),
        "log": impressions(videos, rows).rename(columns={"item": "video"}),
        "live": live,
        "history": history,
    }


def write_frames(frames: Frames, folder: Path) -> Path:
    """Writes the tables where TABLES looks for them, the log as two files; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    half = len(frames["log"]) // 2
    frames["log"].iloc[:half].to_csv(folder / "log-1.csv", index=False)
    frames["log"].iloc[half:].to_csv(folder / "log-2.csv", index=False)
    for name in ("users", "rooms"):
        frames[name].to_csv(folder / f"{name}.csv", index=False)
    for name in ("videos", "live", "history"):
        frames[name].to_parquet(folder / f"{name}.parquet", index=False, row_group_size=60)
    return folder


def expected_edges(frames: Frames) -> dict[str, pd.DataFrame]:
    """The edges of each edge set with raw ids: columns source, target and, where there are any, time and liked."""
    log = frames["log"].assign(
        source=frames["log"]["user"], target=frames["log"]["video"], time=frames["log"]["time_ms"]
    )
    history = frames["history"].rename(columns={"user": "source", "video": "target"})
    steps_back = history.groupby("source")["position"].rank(ascending=False) - 1
    history = history.assign(time=(history["last_ms"] - 2_000 * steps_back).astype(np.int64))
    live = frames["live"].rename(columns={"user": "source", "room": "target"})
    live = live.assign(time=pd.to_datetime(live["at"]).astype("datetime64[ns]").astype(np.int64) // 10**6)
    videos = frames["videos"].rename(columns={"video": "source"})
    tags = videos.assign(target=videos["tags"].str.split("|")).explode("target")
    timed, plain = ["source", "target", "time"], ["source", "target"]
    forward = {
        "watched": pd.concat([history, log])[[*timed, "liked"]],
        "clicked": log[log["click"] == 1][timed],
        "visited": live[timed],
        "has_tag": tags[tags["target"] != ""][plain],
    }
    names = {"watched": "watched_by", "clicked": "clicked_by", "visited": "visited_by", "has_tag": "tag_of"}
    backward = {
        names[name]: edges.rename(columns={"source": "target", "target": "source"}) for name, edges in forward.items()
    }
    return {**forward, **backward, "made_by": videos.rename(columns={"author": "target"})[plain]}


def stored_edges(store: GraphStore, name: str) -> pd.DataFrame:
    """The edges that a store holds, as `expected_edges` has them."""
    edge_set, adjacency = store.schema.edge_sets[name], store.adjacency(name)
    nodes = np.arange(store.num_nodes(edge_set.source))
    start, end = adjacency.row_bounds(nodes)
    positions = np.arange(adjacency.num_edges)
    raw = {
        "source": store.node_features(edge_set.source, np.repeat(nodes, end - start))[ID].to_pandas(),
        "target": store.node_features(edge_set.target, adjacency.targets(positions))[ID].to_pandas(),
    }
    return pd.DataFrame({**raw, **{name: of.to_pandas() for name, of in adjacency.features(positions).items()}})


def same_rows(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Whether two frames hold the same rows, however they are ordered."""
    columns = list(left.columns)

    def rows(frame: pd.DataFrame) -> list[tuple]:
        return sorted(map(tuple, frame[columns].astype(object).to_numpy().tolist()))

    return sorted(columns) == sorted(right.columns) and rows(left) == rows(right)


@dataclasses.dataclass(frozen=True)
class Shop:
    """Tables written to a folder, and the folders of the jobs' outputs."""

    data: Path
    graph: Path
    examples: Path
    frames: Frames
