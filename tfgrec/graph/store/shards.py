"""Positions in a sequence that is cut into shards, and columns that are gathered across the shards."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tfgrec.graph.store.ordering import stable_order


class ShardRanges:
    """Which shard of a cut sequence holds a position.

    `counts` are the lengths of the shards; shard s holds positions `offsets[s]` to `offsets[s + 1]`.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self.offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)

    @property
    def total(self) -> int:
        """The length of the whole sequence."""
        return int(self.offsets[-1])

    def select(self, positions: np.ndarray) -> "ShardSelection":
        """Sorts `positions [num_positions]` to the shards that hold them.

        Raises:
          IndexError: a position lies outside the sequence.
        """
        if len(positions) and (positions.min() < 0 or positions.max() >= self.total):
            raise IndexError(f"positions {positions.min()} to {positions.max()} reach outside 0 to {self.total}")
        return ShardSelection(self.offsets, positions)


class ShardSelection:
    """Positions of a cut sequence, sorted to the shards once and then used for many columns.

    Attributes:
      order: what sorts the positions by shard, int64 `[num_positions]`, or all of them where they are sorted.
      local: the sorted positions, each within its shard, int64 `[num_positions]`.
    """

    def __init__(self, offsets: np.ndarray, positions: np.ndarray) -> None:
        self.order: np.ndarray | slice = slice(None)
        self.local = positions
        self._shards, self._ends = np.zeros(1, np.int64), np.array([len(positions)])
        if len(offsets) > 2:
            self._sort(offsets, positions)

    def _sort(self, offsets: np.ndarray, positions: np.ndarray) -> None:
        # A look at the first few spares most others the whole comparison.
        if _is_ascending(positions[:64]) and _is_ascending(positions):
            counts = np.diff(np.searchsorted(positions, offsets))
        else:
            shards = np.searchsorted(offsets, positions, side="right") - 1
            counts = np.bincount(shards, minlength=len(offsets) - 1)
            self.order = stable_order(shards, len(offsets))
        self._shards = np.flatnonzero(counts)
        self._ends = np.cumsum(counts[self._shards])
        self.local = positions[self.order] - self.shard_values(offsets)

    def shard_values(self, values: np.ndarray) -> np.ndarray | np.int64:
        """One value a shard `[num_shards]` -> that of each sorted position's shard `[num_positions]`, or of all."""
        if len(self._shards) == 1:
            return values[self._shards[0]]
        return np.repeat(values[self._shards], np.diff(self._ends, prepend=0))

    def gather(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """The selected items `[num_positions]` of a column that is given as one array a shard."""
        return self.unsorted(self.take(pieces, self.local))

    def take(self, pieces: Sequence[np.ndarray], places: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Items at any places of the sorted positions' shards, or of those of some `rows` of them, ascending.

        `pieces` are a column, one array a shard; `places` and the result are `[num_positions]` or `[num_rows]`.
        """
        if len(pieces) == 1:
            return pieces[0][places]
        result = np.empty(len(places), pieces[0].dtype)
        first = 0
        ends = self._ends if rows is None else np.searchsorted(rows, self._ends)
        for shard, last in zip(self._shards.tolist(), ends.tolist(), strict=True):
            result[first:last] = pieces[shard][places[first:last]]
            first = last
        return result

    def unsorted(self, values: np.ndarray) -> np.ndarray:
        """Values of the sorted positions `[num_positions]` in the order of the positions as they were given."""
        if isinstance(self.order, slice):
            return values
        result = np.empty_like(values)
        result[self.order] = values
        return result

    def gather_arrow(self, pieces: Sequence[np.ndarray | pa.Array]) -> pa.Array:
        """The selected items of a column, strings and lists included, that is given as `gatherable` pieces."""
        if isinstance(pieces[0], np.ndarray):
            return pa.array(self.gather(pieces))
        parts = zip(self._shards.tolist(), np.split(self.local, self._ends[:-1]), strict=False)
        taken = [pieces[shard].take(pa.array(local)) for shard, local in parts]
        if len(taken) <= 1:
            return taken[0] if taken else pieces[0].slice(0, 0)
        return pa.concat_arrays(taken).take(pa.array(self.unsorted(np.arange(len(self.local)))))


def _is_ascending(positions: np.ndarray) -> bool:
    return bool((positions[1:] >= positions[:-1]).all())


def gatherable(column: pa.Array) -> np.ndarray | pa.Array:
    """A shard's column as it is gathered from: numbers as NumPy's, without a copy."""
    return column.to_numpy() if pa.types.is_primitive(column.type) else column
