"""Uniform choice is uniform over subsets; the newest are the newest."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.graph.sampling.edge_choice import most_recent, random_keys, uniform

ROWS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=12)


@given(ROWS, st.integers(1, 8))
def test_most_recent_are_the_last_positions_of_each_row(rows: list[tuple[int, int]], fan_out: int) -> None:
    start = np.array([first for first, _ in rows], np.int64)
    end = start + np.array([length for _, length in rows], np.int64)
    positions, counts = most_recent(start, end, fan_out)
    expected = [list(range(first, first + length))[::-1][:fan_out] for first, length in rows]
    assert positions.tolist() == list(itertools.chain(*expected))
    assert counts.tolist() == [len(row) for row in expected]


@given(ROWS, st.integers(1, 8), st.integers(0, 100))
def test_uniform_takes_distinct_positions_of_each_row(rows: list[tuple[int, int]], fan_out: int, seed: int) -> None:
    start = np.array([first for first, _ in rows], np.int64)
    end = start + np.array([length for _, length in rows], np.int64)
    positions, counts = uniform(start, end, fan_out, random_keys(seed, "edges", np.arange(len(rows))))
    assert counts.tolist() == [min(length, fan_out) for _, length in rows]
    for row, taken in enumerate(np.split(positions, np.cumsum(counts)[:-1]) if rows else []):
        assert ((start[row] <= taken) & (taken < end[row])).all()
        assert (np.diff(taken) < 0).all(), "newest first, none twice"


@pytest.mark.parametrize(("length", "fan_out"), [(5, 2), (6, 5), (4, 1), (7, 3)])
def test_all_subsets_are_equally_likely(length: int, fan_out: int) -> None:
    count = 35_000
    keys = random_keys(1, "edges", np.arange(count))
    positions, _ = uniform(np.zeros(count, np.int64), np.full(count, length), fan_out, keys)
    subsets = Counter(map(tuple, positions.reshape(count, fan_out).tolist()))
    number = len(list(itertools.combinations(range(length), fan_out)))
    assert len(subsets) == number
    expected = count / number
    chi_squared = sum((observed - expected) ** 2 / expected for observed in subsets.values())
    # Mean number - 1 and variance twice that: five standard deviations.
    assert chi_squared < number - 1 + 5 * np.sqrt(2 * (number - 1))


def test_keys_depend_on_each_part() -> None:
    rows = np.arange(1000)
    others = rows + 1000
    keys = [
        random_keys(0, "liked", rows, others),
        random_keys(0, "liked", others, rows),
        random_keys(1, "liked", rows, others),
        random_keys(0, "viewed", rows, others),
    ]
    assert len(np.unique(np.concatenate(keys))) == 4000
    shuffled = np.random.default_rng(0).permutation(1000)
    assert np.array_equal(keys[0][shuffled], random_keys(0, "liked", rows[shuffled], others[shuffled]))
