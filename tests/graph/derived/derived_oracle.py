"""What derived edges must be, user by user and pair by pair, in plain Python."""

import itertools
from collections import defaultdict
from fractions import Fraction

import numpy as np
from graph_world import SCHEMA, Edge, World, row_order

from tfgrec.config.tables import CoWatch, DerivedEdges

# (source, snapshot's time, target) -> weight
Derived = dict[tuple, float]


def oracle_derived(world: World, definition: DerivedEdges, snapshots: range) -> Derived:
    """The derived edges of a world by raw ids; `snapshots` are numbers of refresh intervals."""
    from_, to = definition.base
    same_items = SCHEMA.edge_sets[from_].target == SCHEMA.edge_sets[to].target
    weigh = _co_watch if isinstance(definition, CoWatch) else _swing
    derived = {}
    for time in (round(definition.refresh_seconds * 1_000) * number for number in snapshots):
        watched, partners = (_counting(world.edges[name], definition, time) for name in (from_, to))
        weights = defaultdict(dict)
        for (item, partner), weight in weigh(watched, partners, definition).items():
            if np.float32(weight) >= definition.min_weight and not (same_items and item == partner):
                weights[item][partner] = np.float32(weight)
        for item, of_item in weights.items():
            order = sorted(of_item, key=lambda partner, of=of_item: (-of[partner], _place(partner)))
            derived |= {(item, time, partner): of_item[partner] for partner in order[: definition.max_neighbours]}
    return derived


def _counting(edges: list[Edge], definition: DerivedEdges, time: int) -> dict[int, list[Edge]]:
    """The edges of each user that count at a snapshot."""
    oldest = -np.inf if definition.history_seconds is None else time - definition.history_seconds * 1_000
    of_user = defaultdict(list)
    for edge in sorted((edge for edge in edges if oldest <= edge.time < time), key=row_order):
        of_user[edge.source].append(edge)
    return {user: found[-definition.max_items_per_user :] for user, found in of_user.items()}


def _co_watch(watched: dict, partners: dict, definition: DerivedEdges) -> dict[tuple, int]:
    users = defaultdict(set)
    within = np.inf if definition.within_seconds is None else definition.within_seconds * 1_000
    for user in watched.keys() & partners.keys():
        for one, other in itertools.product(watched[user], partners[user]):
            if abs(one.time - other.time) <= within:
                users[one.target, other.target].add(user)
    return {pair: len(of_pair) for pair, of_pair in users.items()}


def _swing(watched: dict, partners: dict, definition: DerivedEdges) -> dict[tuple, float]:
    newest = defaultdict(dict)
    for user, edges in watched.items():
        for edge in edges:
            newest[edge.target][user] = edge.time
    had = {user: {edge.target for edge in edges} for user, edges in partners.items()}
    weights = defaultdict(Fraction)
    for item, times in newest.items():
        users = sorted(times, key=lambda user, of=times: (of[user], _place(user)))
        for one, other in itertools.combinations(users[-definition.max_users_per_item :], 2):
            shared = had.get(one, set()) & had.get(other, set())
            for partner in shared:
                weights[item, partner] += 1 / (Fraction(definition.damping) + len(shared))
    return {pair: float(weight) for pair, weight in weights.items()}


def _place(raw_id: int | str) -> tuple:
    """What nodes of equal weight or time are ordered by."""
    return row_order(Edge(raw_id, raw_id))
