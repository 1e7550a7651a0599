"""Tests of numbering the nodes of subgraphs: that of one request is as that of several, and as Python's own lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.graph.sampling.discovery import discovery

NODES = 9


@st.composite
def finds(draw: st.DrawFn) -> tuple[int, list[list[tuple[int, int]]]]:
    """The number of requests, and what each hop finds: (request, node) in any order."""
    num_requests = draw(st.integers(1, 3))
    pair = st.tuples(st.integers(0, num_requests - 1), st.integers(0, NODES - 1))
    return num_requests, draw(st.lists(st.lists(pair, max_size=12), min_size=1, max_size=4))


@given(finds())
def test_nodes_are_numbered_in_the_order_in_which_they_are_found(world: tuple) -> None:
    num_requests, hops = world
    found = discovery(num_requests, NODES)
    lists: list[list[int]] = [[] for _ in range(num_requests)]
    for pairs in hops:
        before = [len(of_request) for of_request in lists]
        for request, node in pairs:
            if node not in lists[request]:
                lists[request].append(node)
        requests, nodes = np.array(pairs, np.int64).reshape(-1, 2).T
        numbers, frontier = found.add(requests, nodes)
        assert numbers.tolist() == [lists[request].index(node) for request, node in pairs]
        new = [(r, node, n) for r in range(num_requests) for n, node in enumerate(lists[r]) if n >= before[r]]
        assert list(zip(*map(np.ndarray.tolist, vars(frontier).values()), strict=True)) == new
    nodes, splits = found.nodes_by_request()
    assert [part.tolist() for part in np.split(nodes, splits[1:-1])] == lists
    assert {array.dtype for array in (numbers, nodes, splits, *vars(frontier).values())} == {np.dtype(np.int64)}
