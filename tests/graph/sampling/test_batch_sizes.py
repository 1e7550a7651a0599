"""Sizes told for batches are those that batches of the requests have."""

import numpy as np
import pytest

from tfgrec.graph.sampling.batch_sizes import batch_sizes

SHARES = (0.5, 0.9, 0.99)


def sizes_of(columns: dict[str, dict[str, np.ndarray]], sampled: int) -> dict:
    """What a manifest would say of requests, of which the first ones are the sample."""
    requests = {len(column) for of_kind in columns.values() for column in of_kind.values()}
    told = {
        kind: {
            name: {
                "total": int(column.sum()),
                "largest": int(column.max()),
                "sample": " ".join(map(str, column[:sampled].tolist())),
            }
            for name, column in of_kind.items()
        }
        for kind, of_kind in columns.items()
    }
    return {"requests": requests.pop(), **told}


def requests(count: int) -> dict[str, dict[str, np.ndarray]]:
    """Sizes of requests that are large in some sets at once, and in one set most often nothing."""
    random = np.random.default_rng(5)
    activity = random.lognormal(1, 1, count)
    return {
        "node_sets": {
            "user": random.poisson(activity) + 1,
            "item": random.poisson(3 * activity),
            "room": random.binomial(1, 0.02, count) * 5,
        },
        "edge_sets": {"saw": random.poisson(2 * activity)},
    }


@pytest.mark.parametrize("batch_size", [1, 16, 200])
def test_a_share_of_real_batches_fits_in_all_sets_at_once(batch_size: int) -> None:
    columns = requests(60_000)
    told = batch_sizes(sizes_of(columns, 1_024), batch_size, SHARES)
    order = np.random.default_rng(1).permutation(60_000)
    batches = order[: len(order) // batch_size * batch_size].reshape(-1, batch_size)
    for of_share in told:
        fits = np.ones(len(batches), bool)
        for names, kind in ((of_share.nodes, "node_sets"), (of_share.edges, "edge_sets")):
            for name, size in names.items():
                fits &= columns[kind][name][batches].sum(axis=1) <= size
        tolerance = 0.4 * (1 - of_share.share) + 0.005
        assert abs(fits.mean() - of_share.share) < tolerance or (batch_size == 1 and fits.mean() > of_share.share)
    assert fits.all() and told[-1].share == 1


def test_they_rise_to_the_bound_that_no_batch_exceeds() -> None:
    columns = requests(500)
    told = batch_sizes(sizes_of(columns, 500), 32, (0.9, 0.5, 0.5))
    assert [of.share for of in told] == [0.5, 0.9, 1.0]
    for smaller, larger in zip(told, told[1:], strict=False):
        assert all(smaller.nodes[name] <= larger.nodes[name] for name in larger.nodes)
        assert all(smaller.edges[name] <= larger.edges[name] for name in larger.edges)
    assert told[-1].nodes == {name: 32 * int(column.max()) for name, column in columns["node_sets"].items()}


def test_requests_that_are_all_alike_make_batches_that_are() -> None:
    columns = {"node_sets": {"user": np.full(10, 3)}, "edge_sets": {"saw": np.zeros(10, np.int64)}}
    for of_share in batch_sizes(sizes_of(columns, 10), 4, SHARES):
        assert (of_share.nodes, of_share.edges) == ({"user": 12}, {"saw": 0})
