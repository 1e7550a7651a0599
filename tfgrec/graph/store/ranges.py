"""Ranges of positions laid out flat, in chunks of bounded size."""

from collections.abc import Iterator

import numpy as np

# Positions that are looked at together: their columns stay in a processor's cache.
CHUNK = 1 << 18


def flat(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of its range and the position of all that lies in the ranges `[start, end)`, one after another.

    Returns:
      int64 `[num_positions]` each.
    """
    lengths = end - start
    if len(lengths) == 1:
        return np.zeros(lengths[0], np.int64), np.arange(start[0], end[0])
    ranges = np.repeat(np.arange(len(start)), lengths)
    return ranges, np.arange(len(ranges)) + (start - np.cumsum(lengths) + lengths)[ranges]


def flat_chunks(start: np.ndarray, end: np.ndarray, limit: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `flat` returns, `limit` positions at most at a time: a long range is cut."""
    total = int((end - start).sum()) if len(start) != 1 else int(end[0] - start[0])
    if total <= limit:
        if total:
            yield flat(start, end)
        return
    num_pieces = -(-(end - start) // limit)
    ranges, pieces = flat(np.zeros_like(start), num_pieces)
    first = start[ranges] + pieces * limit
    last = np.minimum(first + limit, end[ranges])
    for chosen in whole_chunks(last - first, limit):
        of_chunk, positions = flat(first[chosen], last[chosen])
        yield ranges[chosen][of_chunk], positions


def whole_chunks(lengths: np.ndarray, limit: int) -> Iterator[slice]:
    """Cuts a sequence of ranges where their lengths sum to `limit`; a longer range stands alone."""
    if not len(lengths):
        return
    ends = np.cumsum(lengths)
    if ends[-1] <= limit:
        yield slice(0, len(lengths))
        return
    first = 0
    while first < len(lengths):
        room = limit + (ends[first - 1] if first else 0)
        last = max(int(np.searchsorted(ends, room, side="right")), first + 1)
        yield slice(first, last)
        first = last
