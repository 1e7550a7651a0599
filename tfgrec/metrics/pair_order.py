"""Counting correctly ordered pairs in O(n log n), for any weights of the rows.

A pair of rows is comparable when their labels differ, and correct when the row with the higher label has the
higher prediction; a tie in prediction counts half. AUC is the correct share for labels 0 and 1.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np


@dataclasses.dataclass(frozen=True)
class _Level:
    """Rows in blocks; within a block, pairs of a low and a high row are counted.

    `order [num_rows]` sorts rows by block and prediction; `high [num_rows]` is in that order. A run is a stretch of
    equal block and prediction: `run_starts [num_runs]` are positions in `order`, `block_starts [num_blocks]` are runs.
    """

    order: np.ndarray
    high: np.ndarray
    run_starts: np.ndarray
    block_starts: np.ndarray
    block_of_run: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, blocks: np.ndarray, high: np.ndarray, predictions: np.ndarray) -> "_Level":
        sorting = np.lexsort((predictions, blocks))
        blocks, predictions = blocks[sorting], predictions[sorting]
        new_block = np.diff(blocks, prepend=blocks[:1] - 1) != 0
        new_run = new_block.copy()
        new_run[1:] |= predictions[1:] != predictions[:-1]
        run_starts = np.flatnonzero(new_run)
        starts_block = new_block[run_starts]
        return cls(
            order=rows[sorting],
            high=high[sorting].astype(np.float64),
            run_starts=run_starts,
            block_starts=np.flatnonzero(starts_block),
            block_of_run=np.cumsum(starts_block) - 1,
        )

    def count(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Correct and comparable pairs `[..., num_blocks]` for `weights [..., num_rows]`."""
        ordered = weights.take(self.order, axis=-1)
        all_of_run = np.add.reduceat(ordered, self.run_starts, axis=-1)
        high_of_run = np.add.reduceat(ordered * self.high, self.run_starts, axis=-1)
        low_of_run = all_of_run - high_of_run
        low_before = np.cumsum(low_of_run, axis=-1) - low_of_run
        low_before -= low_before.take(self.block_starts[self.block_of_run], axis=-1)
        correct_of_run = high_of_run * (low_before + low_of_run / 2)
        correct, high, low = (
            np.add.reduceat(values, self.block_starts, axis=-1) for values in (correct_of_run, high_of_run, low_of_run)
        )
        return correct, high * low

    def count_by_row(self) -> tuple[np.ndarray, np.ndarray]:
        """The correct and the comparable pairs that each row is in `[num_rows]`, in `order`, every row counted once."""
        rows = np.diff(self.run_starts, append=len(self.order))
        high = np.add.reduceat(self.high, self.run_starts)
        before, high_before = (np.cumsum(values) - values for values in (rows, high))
        first_run = self.block_starts[self.block_of_run]
        low_before = (before - high_before) - (before - high_before)[first_run]
        high_before -= high_before[first_run]
        all_high, all_low = (np.add.reduceat(values, self.block_starts) for values in (high, rows - high))
        below = low_before + (rows - high) / 2
        above = all_high[self.block_of_run] - high_before - high / 2
        run_of_row = np.repeat(np.arange(len(rows)), rows)
        is_high, block_of_row = self.high > 0, self.block_of_run[run_of_row]
        correct = np.where(is_high, below[run_of_row], above[run_of_row])
        return correct, np.where(is_high, all_low[block_of_row], all_high[block_of_row])


class PairOrder:
    """The order of pairs of rows, prepared once and counted for many weightings."""

    def __init__(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        self._levels = list(_levels(labels, predictions))

    def share(self, weights: np.ndarray) -> np.ndarray:
        """The correct share of comparable pairs `[...]` for `weights [..., num_rows]`; NaN where there is no pair."""
        return _share(self._levels, weights)


def num_levels(labels: np.ndarray) -> int:
    """How often the rows have to be gone through to count pairs: once for two labels, log2 of their number for more."""
    return int(max(len(np.unique(labels)) - 1, 0)).bit_length()


def pairs_by_row(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The correct and the comparable pairs that each of `[num_rows]` is in; their sums have every pair twice."""
    correct, comparable = np.zeros(len(labels)), np.zeros(len(labels))
    for level in _levels(labels, predictions):
        of_rows = level.count_by_row()
        correct[level.order] += of_rows[0]
        comparable[level.order] += of_rows[1]
    return correct, comparable


def correct_share(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """The correct share of comparable pairs of `[num_rows]`, every row counted once; None where there is no pair."""
    share = float(_share(_levels(labels, predictions), np.ones(len(labels))))
    return None if np.isnan(share) else share


def correct_shares_by_group(groups: np.ndarray, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """The AUC `[num_groups]` within each of `groups [num_rows]` (0..num_groups-1, all present); NaN for one label."""
    level = _Level.of(np.arange(len(labels)), groups, labels > 0, predictions)
    correct, comparable = level.count(np.ones(len(labels)))
    return np.divide(correct, comparable, out=np.full_like(correct, np.nan), where=comparable > 0)


def _share(levels: Iterable[_Level], weights: np.ndarray) -> np.ndarray:
    correct = np.zeros(weights.shape[:-1])
    comparable = np.zeros(weights.shape[:-1])
    for level in levels:
        of_blocks = level.count(weights)
        correct += of_blocks[0].sum(axis=-1)
        comparable += of_blocks[1].sum(axis=-1)
    return np.divide(correct, comparable, out=np.full_like(correct, np.nan), where=comparable > 0)


def _levels(labels: np.ndarray, predictions: np.ndarray) -> Iterator[_Level]:
    """Levels that together have each comparable pair once: two different label ranks differ in exactly one highest bit,
    and the pair is counted at the level of that bit, in the block of the ranks that agree above it."""
    ranks = np.unique(labels, return_inverse=True)[1].reshape(-1)
    for bit in range(int(ranks.max(initial=0)).bit_length()):
        yield _level_of_bit(ranks, predictions, bit)


def _level_of_bit(ranks: np.ndarray, predictions: np.ndarray, bit: int) -> _Level:
    blocks = ranks >> (bit + 1)
    high = (ranks >> bit & 1).astype(bool)
    # A block without both sides has no pair: its rows need no counting.
    num_blocks = int(blocks.max()) + 1
    sides = np.bincount(blocks, high, num_blocks), np.bincount(blocks, ~high, num_blocks)
    rows = np.flatnonzero((sides[0] > 0)[blocks] & (sides[1] > 0)[blocks])
    return _Level.of(rows, blocks[rows], high[rows], predictions[rows])
