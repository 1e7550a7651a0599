"""Which of a node's visible edges a hop takes that does not weigh them; and the random numbers of all that draw."""

import hashlib

import numpy as np

from tfgrec.split_mix import GOLDEN, mixed


def most_recent(start: np.ndarray, end: np.ndarray, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """The newest `fan_out` positions of each row `[start, end)`, newest first.

    Returns:
      The positions and their counts a row: int64 `[num_positions]`, `[num_rows]`.
    """
    counts = np.minimum(end - start, fan_out)
    first = np.cumsum(counts) - counts
    newest = np.repeat(end - 1 + first, counts)
    return newest - np.arange(len(newest)), counts


def uniform(start: np.ndarray, end: np.ndarray, fan_out: int, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`fan_out` positions of each row `[start, end)` without replacement, newest first, all subsets equally likely.

    Robert Floyd's algorithm (Bentley and Floyd, "A sample of brilliance", CACM 1987), for all rows at once: a row of
    n positions takes fan_out draws, whatever n is.

    Args:
      start: first position of each row, int64 `[num_rows]`.
      end: past-the-last position, int64 `[num_rows]`.
      fan_out: how many positions a row gives; a shorter row gives all of its own.
      keys: the rows' random keys, uint64 `[num_rows]`.

    Returns:
      The positions and their counts a row: int64 `[num_positions]`, `[num_rows]`.
    """
    positions, counts = most_recent(start, end, fan_out)
    long = np.flatnonzero(end - start > fan_out)
    if len(long):
        chosen = _floyd((end - start)[long], fan_out, keys[long])
        first = np.cumsum(counts) - counts
        positions[first[long, np.newaxis] + np.arange(fan_out)] = start[long, np.newaxis] + chosen
    return positions, counts


def random_keys(seed: int, edge_set: str, *parts: np.ndarray) -> np.ndarray:
    """Random keys, uint64 `[num_rows]`: a function of seed, edge set and the row's parts, integers, alone."""
    digest = hashlib.sha256(f"{seed} {edge_set}".encode()).digest()
    keys = np.full(len(parts[0]), int.from_bytes(digest[:8], "little"), np.uint64)
    for part in parts:
        keys = mixed(keys ^ part.astype(np.uint64))
    return keys


def random_numbers(keys: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Evenly spread numbers, uint64: the `draws`-th (from zero) of each key's sequence, which is SplitMix64."""
    return mixed(keys + draws.astype(np.uint64) * GOLDEN)


def _floyd(lengths: np.ndarray, fan_out: int, keys: np.ndarray) -> np.ndarray:
    """Distinct numbers below `lengths [num_rows]`, largest first, int64 `[num_rows, fan_out]`."""
    chosen = np.full((len(lengths), fan_out), -1, np.int64)
    for draw in range(fan_out):
        largest = lengths - fan_out + draw
        number = (random_numbers(keys, np.array([draw])) % (largest + 1).astype(np.uint64)).astype(np.int64)
        taken = (chosen[:, :draw] == number[:, np.newaxis]).any(axis=1)
        chosen[:, draw] = np.where(taken, largest, number)
    return -np.sort(-chosen, axis=1)
