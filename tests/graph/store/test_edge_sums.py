"""Sums over runs of edges against adding edge by edge, and what they may cost."""

import math
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from graph_world import Edge, World, example_world, row_order, write_world

from tfgrec.graph.store import edge_sums
from tfgrec.graph.store.graph_store import GraphStore


@pytest.fixture(scope="module")
def world() -> World:
    """One row of many edges, one of a block's length and many of a few, with numbers of very different size."""
    world, random = example_world(), np.random.default_rng(3)
    shares = np.float32(random.lognormal(0, 4, 6_000))
    sources = [0] * 5_000 + [11] * 256 + [22 + 11 * (place % 20) for place in range(744)]
    world.edges["watched"] = [
        Edge(source, place % 20, int(time), ("tv", float(share)))
        for place, (source, time, share) in enumerate(
            zip(sources, random.integers(0, 1_000, 6_000), shares, strict=True)
        )
    ]
    return world


def runs_of(store: GraphStore, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, starts and ends of random runs; half of them of the long row."""
    random = np.random.default_rng(5)
    users = store.lookup("user", np.where(np.arange(count) % 2, 0, random.integers(0, 30, count) * 11))
    rows, ends = store.adjacency("watched").row_bounds(users)
    places = np.sort(random.random((2, count)), axis=0)
    start, end = (rows + np.rint(place * (ends - rows)).astype(np.int64) for place in places)
    return rows, start, end


@pytest.mark.parametrize("shards", [1, 3])
def test_sums_are_those_of_adding_one_by_one(world: World, shards: int, tmp_path: Path) -> None:
    store = write_world(world, tmp_path, shards)
    rows, start, end = runs_of(store, 400)
    numbers = store.adjacency("watched").numbers("share", np.arange(6_000))
    expected = [math.fsum(numbers[first:last]) for first, last in zip(start, end, strict=True)]
    sums = store.edge_sums("watched", "share").of_runs(rows, start, end)
    np.testing.assert_allclose(sums, expected, rtol=1e-12)
    assert ((end - start) > 2_000).sum() > 20


def test_a_sum_depends_on_its_row_alone(world: World, tmp_path: Path) -> None:
    """To the last bit: on no other run that is asked for, and on no number outside of the run."""
    stores = [write_world(world, tmp_path / str(shards), shards) for shards in (1, 3)]
    users = np.arange(30) * 11
    limits = np.random.default_rng(1).integers(0, 1_000, 30)
    totals = []
    for store in stores:
        rows, end = store.visible_rows("watched", store.lookup("user", users), limits)
        sums = store.edge_sums("watched", "share")
        together = sums.of_runs(rows, rows + (end - rows) // 3, end)[::-1]
        alone = [
            sums.of_runs(rows[i : i + 1], rows[i : i + 1] + (end - rows)[i : i + 1] // 3, end[i : i + 1])[0]
            for i in range(30)
        ]
        assert together.tolist() == alone[::-1]
        totals.append(alone)
    assert totals[0] == totals[1]


def test_a_huge_number_costs_no_digits_of_later_sums(world: World, tmp_path: Path) -> None:
    edges = sorted((edge for edge in world.edges["watched"] if edge.source == 0), key=row_order)
    edges[0] = Edge(0, edges[0].target, -1, ("tv", 1e30))
    store = write_world(World(world.nodes, {**world.edges, "watched": edges}, {}), tmp_path, 1)
    row = store.adjacency("watched").row_bounds(store.lookup("user", [0]))[0]
    numbers = store.adjacency("watched").numbers("share", np.arange(len(edges)))
    (total,) = store.edge_sums("watched", "share").of_runs(row, row + 700, row + len(edges))
    assert total == pytest.approx(math.fsum(numbers[700:]), rel=1e-12)


def test_long_runs_read_few_edges(world: World, tmp_path: Path) -> None:
    store = write_world(world, tmp_path, 2)
    sums, edges = store.edge_sums("watched", "share"), store.adjacency("watched")
    rows, ends = edges.row_bounds(store.lookup("user", [0]))
    with mock.patch.object(edges, "numbers", wraps=edges.numbers) as read:
        sums.of_runs(rows, rows + 1, ends - 1)
    assert sum(len(call.args[1]) for call in read.call_args_list) <= 2 * edge_sums.BLOCK
    assert store.edge_sums("watched", "share") is sums
