"""Small temporal multigraphs as plain Python values, and what sampling and degrees must say of them, edge by edge."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from graph_world import SCHEMA, STORED_EDGE_SETS, Edge, Request, World, request_batch, write_world

from tfgrec.config.sampling import FanOut, HistoryPlan, SamplingConfig
from tfgrec.config.temporal_degrees import SharedFeature, SharedNeighbour, TemporalDegree
from tfgrec.graph.degrees.temporal_degrees import temporal_degrees
from tfgrec.graph.schema import ID, TIME


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
