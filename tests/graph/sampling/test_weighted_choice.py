"""Choices by weight: the heaviest against sorting, drawn ones against the probabilities of all possible draws."""

import itertools
from collections import Counter
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.graph.sampling import weighted_choice
from tfgrec.graph.sampling.edge_choice import random_keys
from tfgrec.graph.sampling.weighted_choice import top_by_weight, weighted

WEIGHTS = st.sampled_from([0.0, 1.0, 1.0, 2.5, -1.0, np.inf, -np.inf, np.nan])
ROWS = st.lists(st.lists(WEIGHTS, max_size=20), max_size=8)


def laid_out(rows: list[list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, ends and weights of rows that stand one after another."""
    ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
    starts = ends - np.array([len(row) for row in rows], np.int64)
    return starts, ends, np.array([weight for row in rows for weight in row], np.float64)


def heaviest(row: list[float], fan_out: int) -> list[int]:
    """The places of the highest weights, newest first; the newer of equal ones, none of NaN."""
    places = [place for place in range(len(row))[::-1] if not np.isnan(row[place])]
    return sorted(sorted(places, key=lambda place: -row[place])[:fan_out], reverse=True)


@given(ROWS, st.integers(1, 6), st.sampled_from([1, 3, 1000]))
def test_top_by_weight_takes_what_sorting_takes(rows: list[list[float]], fan_out: int, chunk: int) -> None:
    starts, ends, weights = laid_out(rows)
    with mock.patch.object(weighted_choice, "CHUNK", chunk):
        positions, counts = top_by_weight(starts, ends, fan_out, weights.__getitem__)
    expected = [heaviest(row, fan_out) for row in rows]
    assert counts.tolist() == [len(row) for row in expected]
    assert positions.tolist() == [start + place for start, row in zip(starts, expected, strict=True) for place in row]


@given(ROWS, st.integers(1, 6), st.integers(0, 50))
def test_weighted_takes_distinct_positions_of_weight_in_any_chunks(
    rows: list[list[float]], fan_out: int, seed: int
) -> None:
    starts, ends, weights = laid_out(rows)
    keys = random_keys(seed, "edges", np.arange(len(rows)))
    chosen = []
    for chunk in (1, 3, 1000):
        with mock.patch.object(weighted_choice, "CHUNK", chunk):
            chosen.append(weighted(starts, ends, fan_out, weights.__getitem__, keys))
    positions, counts = chosen[0]
    for others, other_counts in chosen[1:]:
        assert np.array_equal(others, positions) and np.array_equal(other_counts, counts)
    assert counts.tolist() == [min(fan_out, sum(weight > 0 for weight in row)) for row in rows]
    assert (weights[positions] > 0).all()
    owners = np.repeat(np.arange(len(rows)), counts)
    assert ((starts[owners] <= positions) & (positions < ends[owners])).all()
    assert (np.diff(positions)[np.diff(owners) == 0] < 0).all(), "newest first, none twice"


def probabilities(weights: list[float], fan_out: int) -> dict[tuple[int, ...], float]:
    """The probability of each set of places, newest first, when one after another is drawn by its weight."""
    found: Counter = Counter()
    for draws in itertools.permutations(range(len(weights)), fan_out):
        probability, left = 1.0, sum(weights)
        for place in draws:
            probability *= weights[place] / left
            left -= weights[place]
        found[tuple(sorted(draws, reverse=True))] += probability
    return found


@pytest.mark.parametrize(
    ("weights", "fan_out"),
    [([1.0, 2.0, 3.0, 4.0], 1), ([1.0, 2.0, 0.5, 4.0, 8.0], 2), ([5.0, 1.0, 1.0, 2.0, 0.25], 3), ([1.0] * 6, 3)],
)
def test_sets_are_as_likely_as_drawing_one_after_another(weights: list[float], fan_out: int) -> None:
    count = 40_000
    keys = random_keys(3, "edges", np.arange(count))
    starts = np.zeros(count, np.int64)
    positions, _ = weighted(starts, starts + len(weights), fan_out, np.array(weights).__getitem__, keys)
    observed = Counter(map(tuple, positions.reshape(count, fan_out).tolist()))
    expected = {places: count * share for places, share in probabilities(weights, fan_out).items()}
    assert set(observed) <= set(expected) and min(expected.values()) > 5
    chi_squared = sum((observed[places] - mean) ** 2 / mean for places, mean in expected.items())
    # Mean number - 1 and variance twice that: five standard deviations.
    freedom = len(expected) - 1
    assert chi_squared < freedom + 5 * np.sqrt(2 * freedom)


def test_a_hub_is_looked_at_in_chunks() -> None:
    count, sizes = 1_000_000, []
    weights = np.random.default_rng(0).permutation(count).astype(np.float64)

    def weights_of(positions: np.ndarray) -> np.ndarray:
        sizes.append(len(positions))
        return weights[positions]

    rows = np.array([0, 0, 500_000]), np.array([count, 3, count])
    positions, counts = top_by_weight(*rows, 4, weights_of)
    assert counts.tolist() == [4, 3, 4]
    assert positions[:4].tolist() == sorted(np.argsort(weights)[-4:].tolist(), reverse=True)
    assert max(sizes) <= weighted_choice.CHUNK and sum(sizes) == count + 3 + count // 2
