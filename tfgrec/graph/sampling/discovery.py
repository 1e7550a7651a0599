"""The distinct nodes of each request's subgraph, numbered in the order in which they were found."""

import dataclasses
from itertools import islice
from typing import Protocol

import numpy as np

from tfgrec.graph.store.ordering import factorized, stable_order


@dataclasses.dataclass(frozen=True)
class Frontier:
    """Nodes found by one hop: request, dense id and number within the request's node set, `[num_nodes]` each.

    Sorted by request, within a request by number.
    """

    requests: np.ndarray
    nodes: np.ndarray
    numbers: np.ndarray


class Discovery(Protocol):
    """Nodes of one node set in the subgraphs of a batch of requests."""

    def add(self, requests: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, Frontier]:
        """Takes in nodes `[num_found]` of requests `[num_found]`, in any order of requests.

        Returns:
          The number of each node within its request, int64 `[num_found]`; and the nodes that are new.
        """

    def nodes_by_request(self) -> tuple[np.ndarray, np.ndarray]:
        """Dense ids of all nodes found, request by request in the order of their numbers, and the requests' splits."""


def discovery(num_requests: int, num_nodes: int) -> Discovery:
    """An empty one for requests on a node set of `num_nodes` nodes; a single request has a shorter way."""
    return _OfOneRequest() if num_requests == 1 else _OfRequests(num_requests, num_nodes)


class _OfOneRequest:
    """A dict from the nodes to their numbers: for one request it takes less than sorting."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def add(self, requests: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, Frontier]:
        known, numbers = len(self._numbers), self._numbers
        codes, distinct = factorized(nodes)
        found = np.array([numbers.setdefault(node, len(numbers)) for node in distinct.tolist()], np.int64)[codes]
        new = np.fromiter(islice(numbers, known, None), np.int64, len(numbers) - known)
        return found, Frontier(np.zeros(len(new), np.int64), new, np.arange(known, len(numbers)))

    def nodes_by_request(self) -> tuple[np.ndarray, np.ndarray]:
        count = len(self._numbers)
        return np.fromiter(self._numbers, np.int64, count), np.array([0, count])


class _OfRequests:
    """(request, node) is kept as one integer."""

    def __init__(self, num_requests: int, num_nodes: int) -> None:
        self._num_nodes = max(num_nodes, 1)
        self._counts = np.zeros(num_requests, np.int64)
        self._keys = np.empty(0, np.int64)
        self._numbers = np.empty(0, np.int64)

    def add(self, requests: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, Frontier]:
        known = len(self._keys)
        found = requests * self._num_nodes + nodes
        codes, keys = factorized(np.concatenate([self._keys, found]))
        new_keys = keys[known:]
        new_requests = new_keys // self._num_nodes
        order = stable_order(new_requests, len(self._counts))
        new_requests, new_keys = new_requests[order], new_keys[order]
        added = np.bincount(new_requests, minlength=len(self._counts))
        first = np.cumsum(added) - added
        new_numbers = np.arange(len(order)) + np.repeat(self._counts - first, added)
        self._counts += added
        self._keys = np.concatenate([self._keys, keys[known:]])
        numbers = np.empty(len(order), np.int64)
        numbers[order] = new_numbers
        self._numbers = np.concatenate([self._numbers, numbers])
        frontier = Frontier(new_requests, new_keys - new_requests * self._num_nodes, new_numbers)
        return self._numbers[codes[known:]], frontier

    def nodes_by_request(self) -> tuple[np.ndarray, np.ndarray]:
        splits = np.concatenate([[0], np.cumsum(self._counts)])
        requests = self._keys // self._num_nodes
        nodes = np.empty(len(self._keys), np.int64)
        nodes[splits[requests] + self._numbers] = self._keys - requests * self._num_nodes
        return nodes, splits
