"""Positions in a sequence that is cut into shards, and columns that are gathered across the shards."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from tfgrec.graph.ordering import stable_order


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
    """Positions of a cut sequence, sorted to the shards once and then used for many columns."""

    def __init__(self, offsets: np.ndarray, positions: np.ndarray) -> None:
        self._count = len(positions)
        if len(offsets) == 2:
            self._parts = [(0, slice(None), positions)]
            return
        shards = np.searchsorted(offsets, positions, side="right") - 1
        order = stable_order(shards, len(offsets))
        ends = np.cumsum(np.bincount(shards, minlength=len(offsets) - 1))
        self._parts = [
            (shard, chosen, positions[chosen] - offsets[shard])
            for shard, chosen in enumerate(np.split(order, ends[:-1]))
            if len(chosen)
        ]

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | slice, np.ndarray]]:
        """Yields shard, where its positions stand in the selection, and the positions within the shard."""
        return iter(self._parts)

    def gather(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """The selected items `[num_positions]` of a column that is given as one array a shard."""
        if len(pieces) == 1:
            return pieces[0][self._parts[0][2]]
        result = np.empty(self._count, pieces[0].dtype)
        for shard, chosen, local in self._parts:
            result[chosen] = pieces[shard][local]
        return result

    def map(self, function: Callable[[int, np.ndarray, np.ndarray | slice], np.ndarray]) -> np.ndarray:
        """Calls `function(shard, local positions, where they stand)` a shard; int64 results `[num_positions]`."""
        result = np.empty(self._count, np.int64)
        for shard, chosen, local in self._parts:
            result[chosen] = function(shard, local, chosen)
        return result

    def gather_arrow(self, pieces: Sequence[pa.Array]) -> pa.Array:
        """The selected items of an Arrow column, strings and lists included."""
        kind = pieces[0].type
        if pa.types.is_primitive(kind):
            return pa.array(self.gather([_as_numpy(piece) for piece in pieces]), type=kind)
        if len(pieces) == 1:
            return pieces[0].take(pa.array(self._parts[0][2]))
        if not self._parts:
            return pa.array([], type=kind)
        taken = pa.concat_arrays([pieces[shard].take(pa.array(local)) for shard, _, local in self._parts])
        order = np.empty(self._count, np.int64)
        order[np.concatenate([chosen for _, chosen, _ in self._parts])] = np.arange(self._count)
        return taken.take(pa.array(order))


def _as_numpy(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=True)
