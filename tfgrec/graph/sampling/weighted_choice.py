"""Which of a node's visible edges a hop takes by their weights: it looks at all of them, a chunk at a time."""

from collections.abc import Callable

import numpy as np

from tfgrec.graph.sampling.edge_choice import most_recent, random_numbers
from tfgrec.graph.store.ranges import CHUNK, flat_chunks

# Positions -> their weights, float64; numbers of rows and positions -> their scores, float64.
Weights = Callable[[np.ndarray], np.ndarray]
_Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]


def top_by_weight(start: np.ndarray, end: np.ndarray, fan_out: int, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """The `fan_out` positions of each row `[start, end)` with the highest weights, newest first.

    Of equal weights the newer ones are taken, a weight of NaN never.

    Returns:
      The positions and their counts a row: int64 `[num_positions]`, `[num_rows]`.
    """
    return _highest(start, end, fan_out, lambda _, positions: weights(positions))


def weighted(
    start: np.ndarray, end: np.ndarray, fan_out: int, weights: Weights, keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`fan_out` positions of each row `[start, end)`, drawn by weight without replacement, newest first.

    Each draw takes one of the remaining positions with a chance proportional to its weight; one without a weight
    above zero is never taken. That is to take the highest u^(1/weight), u uniform in (0, 1) (Efraimidis and Spirakis,
    "Weighted random sampling with a reservoir", Information Processing Letters 97, 2006); here its logarithm.

    Args:
      start: first position of each row, int64 `[num_rows]`.
      end: past-the-last position, int64 `[num_rows]`.
      fan_out: how many positions a row gives; a row with fewer weights above zero gives all of these.
      weights: positions -> their weights, float64.
      keys: the rows' random keys, uint64 `[num_rows]`.

    Returns:
      The positions and their counts a row: int64 `[num_positions]`, `[num_rows]`.
    """

    def scores(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        of_positions = weights(positions)
        bits = random_numbers(keys[rows], positions - start[rows]) >> np.uint64(11)
        uniform = (bits + 0.5) * 2.0**-53
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(of_positions > 0, np.log(uniform) / of_positions, np.nan)

    return _highest(start, end, fan_out, scores)


def _highest(start: np.ndarray, end: np.ndarray, fan_out: int, scores: _Scores) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the highest scores, the newer ones of equal ones, none of NaN."""
    # In the order of the edges, so that memory is read from front to back.
    order = np.argsort(start, kind="stable")
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for places, positions in flat_chunks(start[order], end[order], CHUNK):
        of_chunk = scores(order[places], positions)
        kept = are_highest(places, of_chunk, fan_out)
        found.append((places[kept], positions[kept], of_chunk[kept]))
    places, positions, all_scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # A row that was cut into chunks has kept too many.
    kept = are_highest(places, all_scores, fan_out)
    sizes = np.bincount(places[kept], minlength=len(start))
    ends, counts = np.empty_like(sizes), np.empty_like(sizes)
    ends[order], counts[order] = np.cumsum(sizes), sizes
    newest_first, counts = most_recent(ends - counts, ends, fan_out)
    return positions[kept][newest_first], counts


def are_highest(rows: np.ndarray, scores: np.ndarray, fan_out: int) -> np.ndarray:
    """Whether each score, bool `[num_scores]`, is among the `fan_out` highest of its row, the last of equal ones.

    `rows [num_scores]` are sorted. Rows of like length become a table, whose threshold is found in linear time.
    """
    kept = ~np.isnan(scores)
    lengths = np.bincount(rows)
    first = np.cumsum(lengths) - lengths
    long = np.flatnonzero(lengths > fan_out)
    widths = 1 << np.ceil(np.log2(lengths[long])).astype(np.int64)
    for width in np.unique(widths):
        of_width = long[widths == width, np.newaxis]
        places = first[of_width] + np.arange(width)
        inside = np.arange(width) < lengths[of_width]
        places = np.minimum(places, len(scores) - 1)
        taken = inside & kept[places]
        table = np.where(taken, scores[places], -np.inf)
        threshold = np.partition(table, width - fan_out, axis=1)[:, width - fan_out, np.newaxis]
        chosen = taken & (table >= threshold)
        tied = np.flatnonzero(chosen.sum(axis=1) > fan_out)
        above, equal = table[tied] > threshold[tied], chosen[tied] & (table[tied] == threshold[tied])
        still_equal = np.cumsum(equal[:, ::-1], axis=1)[:, ::-1]
        chosen[tied] = above | (equal & (still_equal <= fan_out - above.sum(axis=1, keepdims=True)))
        kept[places[inside]] = chosen[inside]
    return kept
