"""Small temporal multigraphs as plain Python values, and what sampling and degrees must say of them, edge by edge."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from tfgrec.config.sampling import FanOut, HistoryPlan, SamplingConfig
from tfgrec.config.tables import SharedFeature, SharedNeighbour, TemporalDegree
from tfgrec.graph.degrees.temporal_degrees import temporal_degrees
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


def eligible(world: World, request: Request, name: str, source: int | str, plan: FanOut) -> list[Edge]:
    """The edges that the plan may take, oldest first."""
    edges = within_window(world.visible(name, source, request.time), request.time, plan.window_seconds)
    if plan.strategy == "weighted":
        return [edge for edge in edges if weight_of(name, edge, plan) > 0]
    return edges


def within_window(edges: list[Edge], time: int, window_seconds: float | None) -> list[Edge]:
    """Those of the edges that are not older than the window."""
    return [edge for edge in edges if window_seconds is None or time - window_seconds * 1000 <= edge.time]


def weight_of(name: str, edge: Edge, plan: FanOut) -> float:
    """The weight of an edge."""
    return number_of(name, edge, plan.weight)


def number_of(name: str, edge: Edge, feature: str) -> float:
    """A feature of an edge by its name."""
    return edge.features[sorted(set(SCHEMA.edge_sets[name].features) - {TIME}).index(feature)]


def oracle_sample(world: World, request: Request, sampling: SamplingConfig) -> tuple[dict, dict, dict]:
    """A request's subgraph, for strategies that draw nothing.

    Returns:
      Nodes (raw ids) by node set; edges by edge set; for each (hop, edge set) a list of (visible, taken) edges.
    """
    nodes: dict[str, list] = {name: [] for name in SCHEMA.stored_node_sets}
    edges: dict[str, list[Edge]] = {name: [] for name in STORED_EDGE_SETS}
    expansions: dict[tuple[int, str], list[tuple[int, int]]] = {}
    found = [("user", request.user), *((request.item_node_set, item) for item in request.items)]
    for hop_number, hop in enumerate([{}, *sampling.hops], start=-1):
        if hop:
            found = []
            for name, plan in hop.items():
                sources = frontier[SCHEMA.edge_sets[name].source]  # noqa: F821 - the first round only finds the roots
                for source in sources if plan.fan_out else []:
                    visible = eligible(world, request, name, source, plan)
                    taken = _take(name, visible, plan)
                    edges[name] += taken
                    found += [(SCHEMA.edge_sets[name].target, edge.target) for edge in taken]
                    expansions.setdefault((hop_number, name), []).append((len(visible), len(taken)))
        frontier = {name: [] for name in nodes}
        for node_set, node in found:
            if node not in nodes[node_set]:
                nodes[node_set].append(node)
                frontier[node_set].append(node)
    return nodes, edges, expansions


def oracle_history(world: World, request: Request, name: str, plan: HistoryPlan) -> dict[str, list]:
    """The features of a request's events along an edge set by name, newest event first."""
    visible = within_window(world.visible(name, request.user, request.time), request.time, plan.window_seconds)
    events = visible[::-1][: plan.newest]
    edge_set = SCHEMA.edge_sets[name]
    features = {ID: [edge.target for edge in events]}
    if edge_set.timed:
        features[TIME] = [edge.time for edge in events]
    for position, feature in enumerate(sorted(set(edge_set.features) - {TIME})):
        features[feature] = [edge.features[position] for edge in events]
    nodes = world.nodes[edge_set.target]
    return features | {feature: [nodes[edge.target][feature] for edge in events] for feature in plan.features}


def _take(name: str, visible: list[Edge], plan: FanOut) -> list[Edge]:
    newest_first = list(range(len(visible)))[::-1]
    if plan.strategy == "top_by_weight":
        by_weight = sorted(newest_first, key=lambda place: -weight_of(name, visible[place], plan))
        newest_first = sorted(by_weight[: plan.fan_out], reverse=True)
    return [visible[place] for place in newest_first[: plan.fan_out]]


def oracle_degree(world: World, request: Request, number: int, definition: TemporalDegree) -> float:
    """The value of a temporal degree for candidate `number`."""
    item = request.items[number]
    name = definition.edge_set if isinstance(definition.edge_set, str) else definition.edge_set[request.item_node_set]
    if definition.through is not None:
        return _degree_through(world, request, item, name, definition)
    edges = world.visible(name, request.user if definition.of == "user" else item, request.time)
    edges = within_window(edges, request.time, definition.window_seconds)
    if definition.over_keys is not None:
        along = definition.shared_with_item
        keys = _targets(world, along.leaving(request.item_node_set), item, request.time)
        leaving_target = along.leaving(SCHEMA.edge_sets[name].target)
        of_targets = [_targets(world, leaving_target, edge.target, request.time) for edge in edges]
        by_key = [[edge for edge, of in zip(edges, of_targets, strict=True) if key in of] for key in keys]
        return _over_keys([(_measured(request, name, of, definition), of) for of in by_key], definition)
    edges = [edge for edge in edges if _is_shared(world, request, number, name, edge, definition)]
    return _measured(request, name, edges, definition)


def _degree_through(world: World, request: Request, item: int | str, name: str, definition: TemporalDegree) -> float:
    """The edges of each key of an item, or of all nodes that the key leads to."""
    first, *second = definition.path(request.item_node_set)
    by_key = []
    for key in _targets(world, first, item, request.time):
        nodes = _targets(world, second[0], key, request.time) if second else [key]
        edges = [edge for node in nodes for edge in world.visible(name, node, request.time)]
        edges = within_window(edges, request.time, definition.window_seconds)
        by_key.append(sorted(edges, key=lambda edge: edge.time or 0))
    if definition.over_keys is None:
        pooled = sorted((edge for edges in by_key for edge in edges), key=lambda edge: edge.time or 0)
        return _measured(request, name, pooled, definition)
    return _over_keys([(_measured(request, name, of, definition), of) for of in by_key], definition)


def _targets(world: World, edge_set: str, node: int | str, time: int) -> list[int | str]:
    """The distinct nodes that a node's visible edges lead to, in the order of the edges."""
    return list(dict.fromkeys(edge.target for edge in world.visible(edge_set, node, time)))


def _over_keys(values: list[tuple[float, list[Edge]]], definition: TemporalDegree) -> float:
    """Values of keys, each beside the key's edges, put together."""
    if definition.measure not in ("count", "sum"):
        values = [(value, edges) for value, edges in values if edges]
    numbers = [value for value, _ in values]
    if not numbers:
        return 0.0 if definition.measure in ("count", "sum") else definition.missing
    if definition.over_keys in ("sum", "mean"):
        return math.fsum(numbers) / (len(numbers) if definition.over_keys == "mean" else 1)
    newest_is_best = definition.measure == "seconds_since_last"
    return max(numbers) if (definition.over_keys == "best") != newest_is_best else min(numbers)


def _measured(request: Request, name: str, edges: list[Edge], definition: TemporalDegree) -> float:
    """The measure of edges, oldest first."""
    if definition.measure == "count":
        return float(len(edges))
    if definition.measure == "sum":
        return math.fsum(number_of(name, edge, definition.feature) for edge in edges)
    if len(edges) < definition.nth_last:
        return definition.missing
    if definition.measure == "mean":
        return math.fsum(number_of(name, edge, definition.feature) for edge in edges) / len(edges)
    edge = edges[-definition.nth_last]
    if definition.measure == "last_value":
        return number_of(name, edge, definition.feature)
    return (request.time - edge.time) / 1000


def assert_degrees(
    world: World, requests: list[Request], definitions: Mapping[str, TemporalDegree], folder: str | Path, shards: int
) -> None:
    """Compares temporal degrees, read from a store in `folder`, with the oracle's."""
    store = write_world(world, Path(folder), shards)
    degrees = temporal_degrees(store, request_batch(store, requests), definitions)
    assert list(degrees) == list(definitions)
    rows = [(request, number) for request in requests for number in range(len(request.items))]
    for name, definition in definitions.items():
        expected = [oracle_degree(world, request, number, definition) for request, number in rows]
        assert degrees[name].dtype == np.float32
        # Counts and ages to the bit; a mean of several means may be added up in another order.
        tolerance = 1e-6 if definition.over_keys == "mean" else 0
        np.testing.assert_allclose(degrees[name], np.array(expected, np.float32), tolerance, err_msg=name)


def _is_shared(world: World, request: Request, number: int, name: str, edge: Edge, definition: TemporalDegree) -> bool:
    shared = definition.shared_with_item
    if isinstance(shared, SharedFeature):
        position = sorted(set(SCHEMA.edge_sets[name].features) - {TIME}).index(shared.edge_feature)
        return edge.features[position] == request.readout(number)[shared.request_feature]
    if isinstance(shared, SharedNeighbour):
        ends = (request.item_node_set, request.items[number]), (SCHEMA.edge_sets[name].target, edge.target)
        neighbours = [_targets(world, shared.leaving(node_set), node, request.time) for node_set, node in ends]
        return not set(neighbours[0]).isdisjoint(neighbours[1])
    return shared is None or edge.target == request.items[number]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Few nodes, many edges between them, few distinct times: ties, repeated edges, empty rows, feedback delays."""
    numbers = st.integers(-(2**63), 2**63 - 1)
    words = st.text(min_size=1, max_size=4)
    nodes = {
        "user": {
            raw: {"age": draw(_FLOATS), "city": draw(words), "tags": draw(st.lists(words, max_size=2))}
            for raw in draw(st.lists(numbers, min_size=1, max_size=5, unique=True))
        },
        "video": {
            raw: {"length": draw(_FLOATS), "topics": draw(st.lists(numbers, max_size=3))}
            for raw in draw(st.lists(numbers, min_size=1, max_size=5, unique=True))
        },
        "live": {raw: {} for raw in draw(st.lists(words, min_size=1, max_size=3, unique=True))},
        "author": {raw: {} for raw in draw(st.lists(words, max_size=3, unique=True))},
    }
    edges = {name: draw(_edges(name, nodes)) for name in STORED_EDGE_SETS if name not in REVERSES}
    for name, forward in REVERSES.items():
        edges[name] = [dataclasses.replace(edge, source=edge.target, target=edge.source) for edge in edges[forward]]
    delays = {name: draw(st.sampled_from([0, 0, 1, 2])) for name in STORED_EDGE_SETS}
    return World(nodes, edges, delays)


_FLOATS = st.floats(width=32, allow_nan=False)
_EDGE_FEATURES = {
    "device": st.sampled_from(["tv", "web"]),
    "share": st.sampled_from([-1.0, 0.0, 0.5, 2.0]),
    "scenario": st.integers(0, 2),
}
_WEIGHTS = {"watched": "share", "watched_by": "share", "joined": "scenario", "joined_by": "scenario"}


def _edges(name: str, nodes: dict[str, dict]) -> st.SearchStrategy[list[Edge]]:
    edge_set = SCHEMA.edge_sets[name]
    sources, targets = list(nodes[edge_set.source]), list(nodes[edge_set.target])
    if not sources or not targets:
        return st.just([])
    times = st.integers(0, 4) if edge_set.timed else st.none()
    features = st.tuples(*(_EDGE_FEATURES[feature] for feature in sorted(set(edge_set.features) - {TIME})))
    return st.lists(
        st.builds(
            Edge,
            st.sampled_from(sources),
            st.sampled_from(targets),
            times,
            features,
        ),
        max_size=14,
    )


def requests_of(world: World, item_node_set: str) -> st.SearchStrategy[list[Request]]:
    """A batch of requests; several candidates each, some of them twice."""
    items = st.lists(st.sampled_from(list(world.nodes[item_node_set])), min_size=1, max_size=4).map(tuple)
    users = st.sampled_from(list(world.nodes["user"]))
    request = st.builds(Request, users, st.integers(0, 6), st.just(item_node_set), items)
    return st.lists(request, min_size=1, max_size=5)


@st.composite
def plans(draw: st.DrawFn, strategies: Sequence[str] = ("most_recent",)) -> SamplingConfig:
    """One to three hops along any edge sets, in any order; windows where edges have times, weights where numbers.

    Histories of some edge sets that leave the users.
    """
    names = st.lists(st.sampled_from(STORED_EDGE_SETS), max_size=6, unique=True)
    hops = [{name: draw(_fan_outs(name, strategies)) for name in draw(names)} for _ in range(draw(st.integers(1, 3)))]
    history = {name: draw(_histories(name)) for name in draw(st.lists(st.sampled_from(OF_USERS), unique=True))}
    return SamplingConfig(hops=hops, history=history, seed=draw(st.integers(0, 3)))


def _histories(name: str) -> st.SearchStrategy[dict]:
    features = sorted(SCHEMA.node_sets[SCHEMA.edge_sets[name].target].features.keys() - {ID})
    return st.fixed_dictionaries(
        {
            "newest": st.integers(1, 4),
            "features": st.lists(st.sampled_from(features), unique=True) if features else st.just([]),
            "window_seconds": st.sampled_from([None, None, 0.001, 0.003]),
        }
    )


def _fan_outs(name: str, strategies: Sequence[str]) -> st.SearchStrategy[dict]:
    fan_out = {"fan_out": st.integers(0, 3)}
    if SCHEMA.edge_sets[name].timed:
        fan_out["window_seconds"] = st.sampled_from([None, None, 0.001, 0.003])
    weighed = [strategy for strategy in strategies if "weight" in strategy and name in _WEIGHTS]
    others = [strategy for strategy in strategies if "weight" not in strategy] or ["most_recent"]
    without = st.fixed_dictionaries({**fan_out, "strategy": st.sampled_from(others)})
    if not weighed:
        return without
    weight = st.just(_WEIGHTS[name])
    return without | st.fixed_dictionaries({**fan_out, "strategy": st.sampled_from(weighed), "weight": weight})


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
