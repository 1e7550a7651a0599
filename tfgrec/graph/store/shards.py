"""Positions in a sequence that is cut into shards, and columns that are gathered across the shards."""

from bisect import bisect_right
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
        # Python's own numbers, for look-ups of single positions.
        self._bounds: list[int] = self.offsets.tolist()

    @property
    def total(self) -> int:
        """The length of the whole sequence."""
        return self._bounds[-1]

    def first(self, shard: int) -> int:
        """The first position of a shard."""
        return self._bounds[shard]

    def place(self, position: int) -> tuple[int, int]:
        """The shard that holds a position, and the place within it.

        Raises:
          IndexError: the position lies outside the sequence.
        """
        if not 0 <= position < self.total:
            raise IndexError(f"position {position} reaches outside 0 to {self.total}")
        shard = bisect_right(self._bounds, position) - 1
        return shard, position - self._bounds[shard]

    def select(self, positions: np.ndarray) -> "ShardSelection":
        """Sorts `positions [num_positions]` to the shards that hold them.

        Raises:
          IndexError: a position lies outside the sequence.
        """
        if not len(positions):
            return ShardSelection(slice(None), positions, [0], [0])
        first, last = _span(positions)
        if first < 0 or last >= self.total:
            raise IndexError(f"positions {first} to {last} reach outside 0 to {self.total}")
        shard = bisect_right(self._bounds, first) - 1
        if last < self._bounds[shard + 1]:
            return ShardSelection(slice(None), positions - self._bounds[shard], [shard], [len(positions)])
        return self._sorted(positions)

    def _sorted(self, positions: np.ndarray) -> "ShardSelection":
        """Positions that lie in several shards."""
        order: np.ndarray | slice = slice(None)
        # A look at the first few spares most others the whole comparison.
        if _is_ascending(positions[:64]) and _is_ascending(positions):
            ends = np.searchsorted(positions, self.offsets[1:])
            counts = np.diff(ends, prepend=0)
        else:
            shards = np.searchsorted(self.offsets, positions, side="right") - 1
            counts = np.bincount(shards, minlength=len(self.offsets) - 1)
            order = stable_order(shards, len(self.offsets))
            ends = np.cumsum(counts)
        shards = np.flatnonzero(counts)
        local = positions[order] - np.repeat(self.offsets[shards], counts[shards])
        return ShardSelection(order, local, shards.tolist(), ends[shards].tolist())


class ShardSelection:
    """Positions of a cut sequence, sorted to the shards once and then used for many columns.

    Attributes:
      order: what sorts the positions by shard, int64 `[num_positions]`, or all of them where they are sorted.
      local: the sorted positions, each within its shard, int64 `[num_positions]`.
      shards: the shards that hold any, in their order; shard 0 where there is no position.
      ends: where each one's positions end among the sorted ones.
    """

    def __init__(self, order: np.ndarray | slice, local: np.ndarray, shards: list[int], ends: list[int]) -> None:
        self.order, self.local = order, local
        self.shards, self.ends = shards, ends

    def shard_values(self, values: np.ndarray) -> np.ndarray | np.int64:
        """One value a shard `[num_shards]` -> that of each sorted position's shard `[num_positions]`, or of all."""
        if len(self.shards) == 1:
            return values[self.shards[0]]
        return np.repeat(values[self.shards], np.diff(self.ends, prepend=0))

    def gather(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """The selected items `[num_positions]` of a column that is given as one array a shard."""
        return self.unsorted(self.take(pieces, self.local))

    def take(self, pieces: Sequence[np.ndarray], places: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Items at any places of the sorted positions' shards, or of those of some `rows` of them, ascending.

        `pieces` are a column, one array a shard; `places` and the result are `[num_positions]` or `[num_rows]`.
        """
        if len(self.shards) == 1:
            return pieces[self.shards[0]][places]
        result = np.empty(len(places), pieces[0].dtype)
        first = 0
        ends = self.ends if rows is None else np.searchsorted(rows, self.ends).tolist()
        for shard, last in zip(self.shards, ends, strict=True):
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
        return as_arrow(self.gather_column(pieces))

    def gather_column(self, pieces: Sequence[np.ndarray | pa.Array]) -> np.ndarray | pa.Array:
        """The selected items as NumPy's where the pieces are, else as Arrow's."""
        if isinstance(pieces[0], np.ndarray):
            return self.gather(pieces)
        if len(self.shards) == 1:
            return pieces[self.shards[0]].take(pa.array(self.local))
        parts = zip(self.shards, np.split(self.local, self.ends[:-1]), strict=True)
        taken = [pieces[shard].take(pa.array(local)) for shard, local in parts]
        return pa.concat_arrays(taken).take(pa.array(self.unsorted(np.arange(len(self.local)))))


def _span(positions: np.ndarray) -> tuple[int, int]:
    """The lowest and the highest of some positions; a single one is told without a search."""
    if len(positions) == 1:
        position = positions.item()
        return position, position
    return int(positions.min()), int(positions.max())


def _is_ascending(positions: np.ndarray) -> bool:
    return bool((positions[1:] >= positions[:-1]).all())


def as_arrow(column: np.ndarray | pa.Array) -> pa.Array:
    """A column that was gathered, as Arrow's."""
    return pa.array(column) if isinstance(column, np.ndarray) else column


def gatherable(column: pa.Array) -> np.ndarray | pa.Array:
    """A shard's column as it is gathered from: numbers as NumPy's, without a copy."""
    return column.to_numpy() if pa.types.is_primitive(column.type) else column
