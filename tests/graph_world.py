"""A small two-domain graph in plain Python, and how it becomes a store: what tests of the graph read."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import ID, READOUT, TIME, EdgeSet, Feature, GraphSchema, NodeSet
from tfgrec.graph.store.columns import arrow_type
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.store_writer import GraphStoreWriter

INTEGER, NUMBER, TEXT = Feature("int64"), Feature("float32"), Feature("string")
TEXTS, INTEGERS = Feature("string", multi_valued=True), Feature("int64", multi_valued=True)

# Two item node sets that share authors; authors and lives have no features; a multigraph of users and users.
SCHEMA = GraphSchema(
    context={TIME: INTEGER},
    node_sets={
        "user": NodeSet({ID: INTEGER, "age": NUMBER, "city": TEXT, "tags": TEXTS}),
        "video": NodeSet({ID: INTEGER, "length": NUMBER, "topics": INTEGERS}),
        "live": NodeSet({ID: TEXT}),
        "author": NodeSet({ID: TEXT}),
        READOUT: NodeSet({"scenario": INTEGER, "device": TEXT, "click": NUMBER}),
    },
    edge_sets={
        "watched": EdgeSet("user", "video", {TIME: INTEGER, "share": NUMBER, "device": TEXT}),
        "watched_by": EdgeSet("video", "user", {TIME: INTEGER, "share": NUMBER, "device": TEXT}),
        "joined": EdgeSet("user", "live", {TIME: INTEGER, "scenario": INTEGER}),
        "joined_by": EdgeSet("live", "user", {TIME: INTEGER, "scenario": INTEGER}),
        "follows": EdgeSet("user", "user", {TIME: INTEGER}),
        "made_by": EdgeSet("video", "author", {}),
        "hosted_by": EdgeSet("live", "author", {}),
        "made": EdgeSet("author", "video", {}),
        f"{READOUT}/user": EdgeSet("user", READOUT, {}),
        f"{READOUT}/item": EdgeSet("video", READOUT, {}),
        f"{READOUT}/item_live": EdgeSet("live", READOUT, {}),
    },
)
REVERSES = {"watched_by": "watched", "joined_by": "joined", "made": "made_by"}
STORED_EDGE_SETS = tuple(SCHEMA.stored_edge_sets)
OF_USERS = ("watched", "joined", "follows")


@dataclasses.dataclass(frozen=True)
class Edge:
    """One edge between raw ids; `features` in the order of their names, without time."""

    source: int | str
    target: int | str
    time: int | None = None
    features: tuple = ()


@dataclasses.dataclass(frozen=True)
class Request:
    """One request by raw ids."""

    user: int
    time: int
    item_node_set: str
    items: tuple

    def readout(self, number: int) -> dict[str, int | str | float]:
        """The features of candidate `number` by name."""
        return {
            "scenario": self.time % 3,
            "device": ("tv", "web", "radio")[(self.time + number) % 3],
            "click": float(len(str(self.items[number]))),
        }


@dataclasses.dataclass(frozen=True)
class World:
    """`nodes[node set][raw id]` are features by name; `edges[edge set]` a list; delays in milliseconds."""

    nodes: dict[str, dict]
    edges: dict[str, list[Edge]]
    feedback_delays: dict[str, int]

    def visible(self, edge_set: str, source: int | str, time: int) -> list[Edge]:
        """What a request at `time` sees of a node's edges, oldest first, ties by target and features."""
        limit = time - self.feedback_delays.get(edge_set, 0)
        edges = [edge for edge in self.edges[edge_set] if edge.source == source]
        return sorted((edge for edge in edges if edge.time is None or edge.time < limit), key=row_order)


def row_order(edge: Edge) -> tuple:
    """The order of a row in the store."""
    return (edge.time or 0, _hash(edge.target), edge.target, edge.features)


def _hash(raw_id: int | str) -> int:
    return int(pd.util.hash_array(np.array([raw_id], dtype=object if isinstance(raw_id, str) else np.int64))[0])


def write_world(world: World, path: Path, shards: int) -> GraphStore:
    """Writes a world as a graph store, edges in the order in which they stand."""
    writer = GraphStoreWriter(path, SCHEMA, shards)
    entries = []
    for name, node_set in SCHEMA.stored_node_sets.items():
        ids = np.array(list(world.nodes[name]), dtype=object if node_set.features[ID] == TEXT else np.int64)
        of_shards = writer.shard_of(ids)
        for shard in range(shards):
            mine = [raw for raw, of in zip(world.nodes[name], of_shards, strict=True) if of == shard]
            features = {
                feature: pa.array([world.nodes[name][raw][feature] for raw in mine], arrow_type(kind))
                for feature, kind in node_set.features.items()
                if feature != ID
            }
            entries.append(writer.write_node_shard(name, shard, np.array(mine, ids.dtype), features))
    for name in STORED_EDGE_SETS:
        entries += _write_edges(writer, name, world.edges[name], shards)
    writer.finish(entries, {}, world.feedback_delays, {})
    return GraphStore.open(path)


def _write_edges(writer: GraphStoreWriter, name: str, edges: list[Edge], shards: int) -> list[dict]:
    edge_set = SCHEMA.edge_sets[name]
    sources = writer.node_index(edge_set.source).lookup([edge.source for edge in edges])
    targets = writer.node_index(edge_set.target).lookup([edge.target for edge in edges])
    times = np.array([edge.time for edge in edges], np.int64) if edge_set.timed else None
    names = sorted(set(edge_set.features) - {TIME})
    features = {
        feature: pa.array([edge.features[i] for edge in edges], arrow_type(edge_set.features[feature]))
        for i, feature in enumerate(names)
    }
    of_shards = writer.shard_of_nodes(edge_set.source, sources)
    entries = []
    for shard in range(shards):
        mine = np.flatnonzero(of_shards == shard)
        chosen = {feature: column.take(pa.array(mine)) for feature, column in features.items()}
        chosen_times = None if times is None else times[mine]
        entries.append(writer.write_edge_shard(name, shard, sources[mine], targets[mine], chosen_times, chosen))
    return entries


def request_batch(store: GraphStore, requests: Sequence[Request]) -> RequestBatch:
    """Requests with candidates of one node set."""
    items = [item for request in requests for item in request.items]
    rows = [request.readout(number) for request in requests for number in range(len(request.items))]
    return RequestBatch(
        users=store.lookup("user", [request.user for request in requests]),
        times=np.array([request.time for request in requests], np.int64),
        item_node_set=requests[0].item_node_set,
        items=store.lookup(requests[0].item_node_set, items),
        candidate_splits=np.cumsum([0, *(len(request.items) for request in requests)]),
        readout={
            name: pa.array([row[name] for row in rows], arrow_type(feature))
            for name, feature in SCHEMA.node_sets[READOUT].features.items()
        },
    )


def example_world() -> World:
    """A fixed world of middling size, with all that `worlds` draws."""
    random = np.random.default_rng(7)
    nodes = {
        "user": {
            raw * 11: {"age": float(raw), "city": "ab"[raw % 2], "tags": ["x", "y"][: raw % 3]} for raw in range(30)
        },
        "video": {raw: {"length": raw / 2, "topics": list(range(raw % 4))} for raw in range(20)},
        "live": {f"live {raw}": {} for raw in range(8)},
        "author": {f"author {raw}": {} for raw in range(5)},
    }

    def edges(name: str, count: int) -> list[Edge]:
        edge_set = SCHEMA.edge_sets[name]
        ends = [list(nodes[edge_set.source]), list(nodes[edge_set.target])]
        features = {"device": ("tv", "web"), "share": (0.0, 0.5, 1.0, 3.0), "scenario": (0, 1, 2)}
        names = sorted(set(edge_set.features) - {TIME})
        return [
            Edge(
                ends[0][random.integers(len(ends[0]))],
                ends[1][random.integers(len(ends[1]))],
                int(random.integers(1000)) if edge_set.timed else None,
                tuple(features[feature][random.integers(len(features[feature]))] for feature in names),
            )
            for _ in range(count)
        ]

    forward = {"watched": 200, "joined": 40, "follows": 30, "made_by": 20, "hosted_by": 8}
    found = {name: edges(name, count) for name, count in forward.items()}
    for name, of in REVERSES.items():
        found[name] = [dataclasses.replace(edge, source=edge.target, target=edge.source) for edge in found[of]]
    return World(nodes, found, {"watched": 5, "watched_by": 5})


def example_requests(world: World, item_node_set: str, count: int) -> list[Request]:
    """Requests over the whole time of `example_world`."""
    users, items = itertools.cycle(world.nodes["user"]), itertools.cycle(world.nodes[item_node_set])
    return [
        Request(next(users), 37 * number % 1100, item_node_set, tuple(itertools.islice(items, 1 + number % 3)))
        for number in range(count)
    ]
