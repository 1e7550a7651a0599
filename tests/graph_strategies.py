"""Worlds, requests and sampling plans, drawn at random by hypothesis."""

import dataclasses
from collections.abc import Sequence

from graph_world import OF_USERS, REVERSES, SCHEMA, STORED_EDGE_SETS, Edge, Request, World
from hypothesis import strategies as st

from tfgrec.config.sampling import SamplingConfig
from tfgrec.graph.schema import ID, TIME


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
    """A batch of requests; several candidates each, some of them twice, or none."""
    items = st.lists(st.sampled_from(list(world.nodes[item_node_set])), max_size=4).map(tuple)
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
