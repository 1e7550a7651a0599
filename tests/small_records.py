"""A small two-domain graph and records sampled from it: what tests of data, training and export read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
import yaml

from tfgrec.config.sampling import SamplingConfig
from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.files import checksum
from tfgrec.graph.computed.computed_features import ComputedFeature
from tfgrec.graph.computed.temporal_degrees import TemporalDegrees
from tfgrec.graph.degrees.temporal_degrees import temporal_degrees
from tfgrec.graph.edge_numbers import edge_numbers
from tfgrec.graph.examples.encoding import encode_examples, to_ragged_columns
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.sampling.sampling_statistics import SamplingStatistics
from tfgrec.graph.sampling.subgraphs import sample_subgraphs
from tfgrec.graph.schema import ID, READOUT, TIME, EdgeSet, Feature, GraphSchema, NodeSet
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.layout import sealed
from tfgrec.graph.store.store_writer import GraphStoreWriter

USERS, VIDEOS, ROOMS = 40, 30, 8
LABELS = ("click", "watch_ms")
INT, FLOAT, STRING, STRINGS = Feature("int64"), Feature("float32"), Feature("string"), Feature("string", True)

SCHEMA = GraphSchema(
    context={TIME: INT},
    node_sets={
        "user": NodeSet({ID: INT, "age_group": STRING, "activity": FLOAT}),
        "video": NodeSet({ID: INT, "duration": FLOAT, "tags": STRINGS}),
        "room": NodeSet({ID: STRING, "topic": INT}),
        READOUT: NodeSet(
            {"scenario": STRING, "hour": INT, "user_watched": FLOAT, "click": FLOAT, "watch_ms": FLOAT},
        ),
    },
    edge_sets={
        "watched": EdgeSet("user", "video", {TIME: INT}),
        "watched_by": EdgeSet("video", "user", {TIME: INT}),
        "visited": EdgeSet("user", "room", {TIME: INT}),
        "visited_by": EdgeSet("room", "user", {TIME: INT}),
        f"{READOUT}/user": EdgeSet("user", READOUT, {}),
        f"{READOUT}/item/video": EdgeSet("video", READOUT, {}),
        f"{READOUT}/item/room": EdgeSet("room", READOUT, {}),
    },
)
PLAN = {
    "hops": [{"watched": 4, "visited": 2, "watched_by": 3, "visited_by": 3}, {"watched": 2}],
    "history": {"watched": {"newest": 12, "features": ["tags", "duration"]}, "visited": 3},
}
SAMPLING = SamplingConfig.model_validate(PLAN)
DEGREES = {"user_watched": TemporalDegree(of="user", edge_set="watched")}
COMPUTED = {name: ComputedFeature(TemporalDegrees(), degree) for name, degree in DEGREES.items()}

TABLES = {
    "tables": {
        "users": {"path": "users.csv"},
        "log": {"path": "log.csv", "time": {"column": "time", "unit": "milliseconds"}},
    },
    "node_sets": {
        "user": {"table": "users", "id": "user_id", "features": {"age_group": "age_group", "activity": "activity"}},
        "video": {"table": "log", "id": "video_id", "features": {"duration": "duration", "tags": "tags"}},
        "room": {"table": "log", "id": "room_id", "features": {"topic": "topic"}},
    },
    "edge_sets": {
        name: {"sources": [{"table": "log", "source": "user_id", "target": "item_id"}]}
        for name in SCHEMA.stored_edge_sets
    },
    "requests": {
        "user_node_set": "user",
        "sources": [{"table": "log", "user": "user_id", "item": "video_id", "item_node_set": "video"}],
        "features": {"scenario": "scenario", "hour": "hour"},
        "labels": {"click": "click", "watch_ms": "watch_ms"},
        "temporal_degrees": {"user_watched": {"of": "user", "edge_set": "watched"}},
    },
}
CONFIG = {
    "name": "small",
    "schema_dir": "schema",
    "split": {"column": "day", "train": [0, 1], "validation": [2, 2]},
    "sampling": PLAN,
    "model": {
        "features": {"video": {ID: {"kind": "hashed", "dimension": 4, "buckets": 50}}},
        "encoder": {"rounds": 1, "units": 8, "dropout": 0.1},
        "towers": {"cross_layers": 1, "bottom_units": [16], "task_units": [8]},
        "tasks": {
            "click": {"label": "click"},
            "watch_time": {"label": "watch_ms", "kind": "regression", "scale": 1000},
        },
        "balancing": {"initial_loss_steps": 3},
    },
    "training": {
        "epochs": 2,
        "pretraining_epochs": 1,
        "batch_size": 16,
        "evaluation_batch_size": 32,
        "shuffle_buffer": 50,
        "checkpoint_every_steps": 4,
        "log_every_steps": 3,
        # They take a function of their own to trace, a third of the time of so small a training.
        "diagnostics_every_steps": 1000,
    },
    "evaluation": {"scenario": "scenario", "min_scenario_rows": 10},
}


def write_small_run(root: Path, *, train_requests: int = 120, validation_requests: int = 45) -> Path:
    """Writes graph/, examples/, schema/tables.yaml and config.yaml of a run directory; returns it."""
    (root / "schema").mkdir(parents=True)
    (root / "schema" / "tables.yaml").write_text(yaml.safe_dump(TABLES))
    (root / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    store = write_store(root / "graph")
    write_examples(root / "examples", store, {"train": train_requests, "validation": validation_requests})
    return root


def write_store(path: Path, *, watched: int = 600, later: int = 0, since: int = 0) -> GraphStore:
    """A graph with two shards: who watched which video and visited which room, at times 0 to 999.

    There are `later` more edges in each edge set at times from `since` on; the others are the same without them.
    """
    random = np.random.default_rng(1)
    writer = GraphStoreWriter(path, SCHEMA, shards=2)
    ids = {
        "user": 100 + np.arange(USERS),
        "video": 500 + np.arange(VIDEOS),
        "room": np.array([f"room-{i}" for i in range(ROOMS)], object),
    }
    columns = {
        "user": {
            "age_group": pa.array(random.choice(["young", "old"], USERS)),
            "activity": pa.array(random.exponential(5, USERS), pa.float32()),
        },
        "video": {
            "duration": pa.array(random.uniform(5, 90, VIDEOS), pa.float32()),
            "tags": pa.array(
                [list(random.choice(["a", "b", "c"], i % 3)) for i in range(VIDEOS)], pa.list_(pa.string())
            ),
        },
        "room": {"topic": pa.array(random.integers(0, 4, ROOMS))},
    }
    accumulator = StatisticsAccumulator({name: SCHEMA.node_sets[name].features for name in ids})
    entries = []
    for name, raw in ids.items():
        shards = writer.shard_of(raw)
        accumulator.add(name, {ID: pa.array(raw), **columns[name]}, row_keys(raw))
        for shard in range(2):
            rows = np.flatnonzero(shards == shard)
            features = {key: column.take(pa.array(rows)) for key, column in columns[name].items()}
            entries.append(writer.write_node_shard(name, shard, raw[rows], features))
    for forward, backward, items, count in (
        ("watched", "watched_by", VIDEOS, watched),
        ("visited", "visited_by", ROOMS, 200),
    ):
        sources, targets = random.integers(0, USERS, count), random.integers(0, items, count)
        times = random.integers(0, 1000, count)
        if later:
            more = np.random.default_rng(9)
            sources = np.concatenate([sources, more.integers(0, USERS, later)])
            targets = np.concatenate([targets, more.integers(0, items, later)])
            times = np.concatenate([times, more.integers(since, 1000, later)])
        for edge_set, ends in ((forward, (sources, targets)), (backward, (targets, sources))):
            shards = writer.shard_of_nodes(SCHEMA.edge_sets[edge_set].source, ends[0])
            for shard in range(2):
                rows = np.flatnonzero(shards == shard)
                ends_of_shard = (ends[0][rows], ends[1][rows])
                entries.append(writer.write_edge_shard(edge_set, shard, *ends_of_shard, times[rows], {}))
    writer.finish(entries, accumulator.to_json(), {}, {})
    return GraphStore.open(path)


def make_records(
    store: GraphStore, *, num_requests: int, seed: int, sampling: SamplingStatistics | None = None
) -> tuple[list[bytes], dict[str, pa.Array]]:
    """Serialized requests of both domains, and their `_readout` columns; `sampling` takes in what was sampled."""
    random = np.random.default_rng(seed)
    records: list[bytes] = []
    columns: dict[str, list[pa.Array]] = {}
    for item_node_set, items, share in (("video", VIDEOS, 0.7), ("room", ROOMS, 0.3)):
        requests = _random_requests(random, item_node_set, items, int(num_requests * share))
        degrees = temporal_degrees(store, requests, DEGREES)
        subgraphs = sample_subgraphs(store, requests, SAMPLING)
        batch = to_ragged_columns(store, requests, subgraphs, degrees, record_schema(SCHEMA, SAMPLING))
        records.extend(encode_examples(batch))
        if sampling is not None:
            sampling.add(requests, subgraphs, row_keys(requests.users, requests.times))
        for name, column in {**requests.readout, "user_watched": pa.array(degrees["user_watched"])}.items():
            columns.setdefault(name, []).append(column)
    order = random.permutation(len(records))
    return [records[i] for i in order], {name: pa.concat_arrays(parts) for name, parts in columns.items()}


def _random_requests(random: np.random.Generator, item_node_set: str, items: int, num_requests: int) -> RequestBatch:
    lengths = random.integers(1, 5, num_requests)
    splits = np.concatenate([[0], np.cumsum(lengths)])
    candidates = random.integers(0, items, splits[-1])
    # Half of the items are liked by everybody, so that there is something to learn.
    clicks = (random.random(splits[-1]) < np.where(candidates % 2, 0.8, 0.2)).astype(np.float32)
    watched = np.where(random.random(splits[-1]) < 0.1, np.nan, clicks * random.exponential(8000, splits[-1]))
    readout = {
        "scenario": pa.array(np.where(random.random(splits[-1]) < 0.5, "feed", "search")),
        "hour": pa.array(random.integers(0, 24, splits[-1])),
        "click": pa.array(clicks),
        "watch_ms": pa.array(watched.astype(np.float32)),
    }
    users, times = random.integers(0, USERS, num_requests), random.integers(500, 1500, num_requests)
    return RequestBatch(users, times, item_node_set, candidates, splits, readout)


def write_examples(path: Path, store: GraphStore, splits: dict[str, int], shards: int = 3) -> None:
    """An examples directory as the sampling job writes it."""
    manifest: dict[str, Any] = {"schema": record_schema(SCHEMA, SAMPLING).to_json(), "splits": {}}
    sampling = SamplingStatistics(record_schema(SCHEMA, SAMPLING))
    for seed, (name, num_requests) in enumerate(splits.items()):
        records, columns = make_records(store, num_requests=num_requests, seed=seed, sampling=sampling)
        (path / name).mkdir(parents=True)
        files = [path / name / f"part-{shard:05d}-of-{shards:05d}.tfrecord" for shard in range(shards)]
        for shard, file in enumerate(files):
            write_records(file, records[shard::shards])
        manifest["splits"][name] = {
            "num_requests": len(records),
            "num_candidates": len(columns["click"]),
            "shards": [
                {"path": f"{name}/{file.name}", "bytes": file.stat().st_size, "sha256": checksum(file)}
                for file in files
            ],
        }
        if name == "train":
            numbers = edge_numbers(record_schema(SCHEMA, SAMPLING))
            accumulator = StatisticsAccumulator({READOUT: SCHEMA.node_sets[READOUT].features, **numbers})
            accumulator.add(READOUT, columns, row_keys(np.arange(len(columns["click"]))))
            durations = store.node_index("video").features(np.arange(VIDEOS), ["duration"])
            accumulator.add("history/watched", durations, row_keys(np.arange(VIDEOS)))
            manifest["statistics"] = {**store.statistics, **accumulator.to_json()}
    (path / "manifest.json").write_text(json.dumps(sealed({**manifest, **sampling.to_json()})))


def write_records(path: Path, records: list[bytes]) -> None:
    """Writes a TFRecord file."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


_EVENTS = {
    "user": ("edges/watched", "edges/visited", "nodes/history/watched", "nodes/history/visited"),
    "item": ("edges/watched_by", "edges/visited_by"),
}


def without_events(record: bytes, side: str) -> bytes:
    """A record as it is of a user who did nothing before, or of items that nobody met."""
    example = tf.train.Example.FromString(record)
    features = example.features.feature
    for prefix in _EVENTS[side]:
        for name in [name for name in features if name.startswith(f"{prefix}.")]:
            features[name].Clear()
        features[f"{prefix}.#size"].int64_list.value[:] = [0]
    return example.SerializeToString()
