"""The edges that a hop takes along one edge set, chosen by its strategy."""

import numpy as np

from tfgrec.config.sampling import FanOut
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling import edge_choice, weighted_choice
from tfgrec.graph.sampling.discovery import Frontier
from tfgrec.graph.schema import USER_READOUT
from tfgrec.graph.store.graph_store import GraphStore


def choose_edges(
    store: GraphStore,
    requests: RequestBatch,
    edge_set: str,
    plan: FanOut,
    frontier: Frontier,
    rows: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses edges of the frontier's nodes from `rows`, their first and past-the-last positions `[num_nodes]` each.

    Random choices are a function of the seed, the edge set, the request's user (if it has one) and time, and the node:
    they depend on neither the batch nor the shards.

    Returns:
      The positions, newest first in each row, and their counts a row: int64 `[num_positions]`, `[num_nodes]`.
    """
    if plan.strategy == "most_recent":
        return edge_choice.most_recent(*rows, plan.fan_out)
    if plan.strategy == "uniform":
        return edge_choice.uniform(*rows, plan.fan_out, _random_keys(store, requests, edge_set, frontier, seed))
    adjacency = store.adjacency(edge_set)

    def weights(positions: np.ndarray) -> np.ndarray:
        return adjacency.feature(plan.weight, positions).to_numpy().astype(np.float64)

    if plan.strategy == "top_by_weight":
        return weighted_choice.top_by_weight(*rows, plan.fan_out, weights)
    keys = _random_keys(store, requests, edge_set, frontier, seed)
    return weighted_choice.weighted(*rows, plan.fan_out, weights, keys)


def _random_keys(store: GraphStore, requests: RequestBatch, edge_set: str, frontier: Frontier, seed: int) -> np.ndarray:
    edges = store.schema.edge_sets
    nodes = store.node_index(edges[edge_set].source).hashes(frontier.nodes)
    of_request = frontier.requests
    if requests.users is None:
        return edge_choice.random_keys(seed, edge_set, requests.times[of_request], nodes)
    users = store.node_index(edges[USER_READOUT].source).hashes(requests.users)
    return edge_choice.random_keys(seed, edge_set, users[of_request], requests.times[of_request], nodes)
