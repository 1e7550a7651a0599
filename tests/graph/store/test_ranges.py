"""Ranges are laid out whole, in order, in chunks no larger than asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.graph.store.ranges import flat, flat_chunks, whole_chunks

RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 12)), max_size=10)


@given(RANGES, st.integers(1, 9))
def test_chunks_hold_all_positions_in_order(ranges: list[tuple[int, int]], limit: int) -> None:
    start = np.array([first for first, _ in ranges], np.int64)
    end = start + np.array([length for _, length in ranges], np.int64)
    expected = [(i, first + j) for i, (first, length) in enumerate(ranges) for j in range(length)]
    assert list(zip(*(part.tolist() for part in flat(start, end)), strict=True)) == expected
    chunks = list(flat_chunks(start, end, limit))
    assert [pair for chunk in chunks for pair in zip(*(part.tolist() for part in chunk), strict=True)] == expected
    assert all(0 < len(positions) <= limit for _, positions in chunks)


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(1, 9))
def test_whole_chunks_cut_between_ranges(lengths: list[int], limit: int) -> None:
    chunks = [lengths[chosen] for chosen in whole_chunks(np.array(lengths, np.int64), limit)]
    assert [length for chunk in chunks for length in chunk] == lengths
    assert all(sum(chunk) <= limit or len(chunk) == 1 for chunk in chunks)
