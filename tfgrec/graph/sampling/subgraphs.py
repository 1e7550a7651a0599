"""Samples the subgraphs of a batch of requests, each as its own time lets it see the graph."""

import dataclasses

import numpy as np

from tfgrec.config.sampling import FanOut, SamplingConfig
from tfgrec.errors import InputDataError
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling.discovery import Frontier, discovery
from tfgrec.graph.sampling.histories import SampledHistory, sample_histories
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.sampling.strategies import choose_edges
from tfgrec.graph.schema import USER_READOUT, GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.ordering import stable_order


@dataclasses.dataclass(frozen=True)
class SampledNodes:
    """Distinct nodes of one node set: dense ids `[num_nodes]`, those of request r from `splits[r]` to `splits[r + 1]`.

    A node's number is its place among its request's nodes of the set.
    """

    nodes: np.ndarray
    splits: np.ndarray


@dataclasses.dataclass(frozen=True)
class SampledEdges:
    """Edges of one edge set, `[num_edges]` each, those of request r from `splits[r]` to `splits[r + 1]`.

    `sources` and `targets` are numbers of nodes within the request, `positions` the edges' places in the store.
    """

    sources: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    splits: np.ndarray


@dataclasses.dataclass(frozen=True)
class Expansion:
    """What hop number `hop` did along an edge set, int64 `[num_rows]` each, a row being a node of a request.

    `visible` are the edges that the strategy chose from: seen by the request and within the window; `taken` those
    that it took. Where fewer were taken, the fan-out cut the row, or edges without weight were left.
    """

    hop: int
    edge_set: str
    visible: np.ndarray
    taken: np.ndarray


@dataclasses.dataclass(frozen=True)
class SampledSubgraphs:
    """Subgraphs of a batch of requests, for all stored node and edge sets of the record schema.

    `user_numbers [num_requests]` and `item_numbers [num_candidates]` are the numbers of the requests' users and of
    the candidates' items among the nodes of their sets, None where the requests have no users or no items.
    `expansions` come in the order of the plan. `histories` are by the names of their node sets.
    """

    node_sets: dict[str, SampledNodes]
    edge_sets: dict[str, SampledEdges]
    user_numbers: np.ndarray | None
    item_numbers: np.ndarray | None
    expansions: list[Expansion]
    histories: dict[str, SampledHistory]


def sample_subgraphs(
    store: GraphStore, requests: RequestBatch, sampling: SamplingConfig, schema: GraphSchema | None = None
) -> SampledSubgraphs:
    """Samples hop by hop from each request's user and distinct candidate items, or from those of them that it has.

    Hop h takes, for the nodes that hop h - 1 found (the roots for h = 0) and along each of its edge sets, up to
    fan_out edges with time + feedback delay < the request's time and, with a window, time >= the request's time less
    the window, chosen by the edge set's strategy. A node is expanded in one hop only. Histories list edges of the users
    besides, see `sample_histories`. The result of a request depends on neither the other requests of the batch nor the
    number of the store's shards. `schema` is the `record_schema` of the plan, where it is at hand.

    Raises:
      ConfigurationError: the plan does not fit the store's schema, see `record_schema`.
      InputDataError: the requests' item node set has no readout edge set.
    """
    items = store.schema.item_readouts()
    if requests.item_node_set not in items:
        raise InputDataError(f"requests: '{requests.item_node_set}' is no node set of items, which are {sorted(items)}")
    return _Sampler(store, requests, sampling, schema or record_schema(store.schema, sampling)).run()


@dataclasses.dataclass(frozen=True)
class _FoundEdges:
    """Edges that one hop took along one edge set, sorted by request: `[num_edges]` each, `nodes` their targets."""

    edge_set: str
    requests: np.ndarray
    sources: np.ndarray
    nodes: np.ndarray
    positions: np.ndarray


class _Sampler:
    """The state of sampling one batch."""

    def __init__(
        self, store: GraphStore, requests: RequestBatch, sampling: SamplingConfig, schema: GraphSchema
    ) -> None:
        self._store = store
        self._requests = requests
        self._sampling = sampling
        self._schema = schema
        self._discoveries = {
            name: discovery(requests.num_requests, store.num_nodes(name)) for name in self._schema.stored_node_sets
        }
        # One entry a hop: the edges and the numbers of their targets.
        self._edges: dict[str, list[tuple[_FoundEdges, np.ndarray]]] = {
            name: [] for name in self._schema.stored_edge_sets
        }
        self._expansions: list[Expansion] = []

    def run(self) -> SampledSubgraphs:
        requests = self._requests
        user_set = self._schema.edge_sets[USER_READOUT].source
        roots = {
            "users": (user_set, np.arange(requests.num_requests), requests.users),
            "items": (requests.item_node_set, requests.candidate_requests, requests.items),
        }
        given = {side: root for side, root in roots.items() if root[2] is not None}
        numbers, frontiers = self._discover(list(given.values()))
        root_numbers = dict(zip(given, numbers, strict=True))
        for number, hop in enumerate(self._sampling.hops):
            frontiers = self._sample_hop(number, hop, frontiers)
        return SampledSubgraphs(
            node_sets={name: SampledNodes(*found.nodes_by_request()) for name, found in self._discoveries.items()},
            edge_sets={name: _by_request(hops, requests.num_requests) for name, hops in self._edges.items()},
            user_numbers=root_numbers.get("users"),
            item_numbers=root_numbers.get("items"),
            expansions=self._expansions,
            histories=sample_histories(self._store, requests, self._sampling.history),
        )

    def _sample_hop(self, number: int, hop: dict[str, FanOut], frontiers: dict[str, Frontier]) -> dict[str, Frontier]:
        found = []
        for name, plan in hop.items():
            frontier = frontiers.get(self._store.schema.edge_sets[name].source)
            if plan.fan_out and frontier is not None:
                found.append(self._sample_edges(number, name, plan, frontier))
        targets = [(self._schema.edge_sets[edges.edge_set].target, edges.requests, edges.nodes) for edges in found]
        numbers, frontiers = self._discover(targets)
        for edges, target_numbers in zip(found, numbers, strict=True):
            self._edges[edges.edge_set].append((edges, target_numbers))
        return frontiers

    def _sample_edges(self, hop: int, name: str, plan: FanOut, frontier: Frontier) -> _FoundEdges:
        store, requests = self._store, self._requests
        rows = store.visible_rows(name, frontier.nodes, requests.times[frontier.requests], plan.window_seconds)
        positions, counts = choose_edges(store, requests, name, plan, frontier, rows, self._sampling.seed)
        self._expansions.append(Expansion(hop, name, rows[1] - rows[0], counts))
        return _FoundEdges(
            edge_set=name,
            requests=np.repeat(frontier.requests, counts),
            sources=np.repeat(frontier.numbers, counts),
            nodes=store.adjacency(name).targets(positions),
            positions=positions,
        )

    def _discover(
        self, found: list[tuple[str, np.ndarray, np.ndarray]]
    ) -> tuple[list[np.ndarray], dict[str, Frontier]]:
        """Takes in (node set, requests, nodes) in order; returns the numbers of each and the new nodes by set."""
        numbers: list[np.ndarray] = [np.empty(0, np.int64)] * len(found)
        frontiers = {}
        for node_set in dict.fromkeys(name for name, _, _ in found):
            members = [i for i, (name, _, _) in enumerate(found) if name == node_set]
            if len(members) == 1:
                _, requests, nodes = found[members[0]]
                numbers[members[0]], frontiers[node_set] = self._discoveries[node_set].add(requests, nodes)
                continue
            requests = np.concatenate([found[i][1] for i in members])
            nodes = np.concatenate([found[i][2] for i in members])
            all_numbers, frontiers[node_set] = self._discoveries[node_set].add(requests, nodes)
            ends = np.cumsum([len(found[i][1]) for i in members])
            for i, part in zip(members, np.split(all_numbers, ends[:-1]), strict=True):
                numbers[i] = part
        return numbers, frontiers


def _by_request(hops: list[tuple[_FoundEdges, np.ndarray]], num_requests: int) -> SampledEdges:
    """The edges of all hops, sorted by request, those of earlier hops first."""
    nothing = np.empty(0, np.int64)
    requests = np.concatenate([nothing, *(edges.requests for edges, _ in hops)])
    order = stable_order(requests, num_requests) if len(hops) > 1 and num_requests > 1 else slice(None)
    return SampledEdges(
        sources=np.concatenate([nothing, *(edges.sources for edges, _ in hops)])[order],
        targets=np.concatenate([nothing, *(numbers for _, numbers in hops)])[order],
        positions=np.concatenate([nothing, *(edges.positions for edges, _ in hops)])[order],
        splits=np.concatenate([[0], np.cumsum(np.bincount(requests, minlength=num_requests))]),
    )
