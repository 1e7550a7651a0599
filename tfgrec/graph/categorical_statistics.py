"""How often each value of a feature occurs: exact for some hundred thousand values, within bounds for any number."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.graph.count_min import CountMin

MAX_VALUES = 10_000
EXACT_VALUES = 250_000
# Rows that wait until they are counted: few calls of Arrow's, and little memory.
_WAITING = 1 << 16
_VALUE, _COUNT, _KEY = "value", "count", "key"


class CategoricalStatistics:
    """How often each value occurs; every value of a multi-valued feature counts.

    Exact while a feature has no more than `EXACT_VALUES` distinct ones. Of more, all are counted by a `CountMin`, and
    those told are the most frequent of `EXACT_VALUES` that are kept: those with the least row keys. As keys are spread
    evenly over rows, that is a sample without replacement by frequency (bottom-k; Cohen, KDD 2015): a value that is a
    share s of all is missing with a probability of less than e^(-s `EXACT_VALUES`): of one as frequent as the mean of
    `MAX_VALUES` values, e^-25.

    What it says depends on rows and their keys alone, in whatever order, pieces and nesting they came. So does no
    summary by counters that are let go (Misra-Gries, Space-Saving). Of `unique` values (ids) no more are kept than are
    told.
    """

    def __init__(self, unique: bool) -> None:
        self._unique = unique
        self._count = 0
        # A row a value. Once there is a sketch, this one has their counts.
        self._kept = _rows(pa.array([], pa.null()), np.empty(0, np.uint64))
        self._sketch: CountMin | None = None
        self._waiting: list[pa.Table] = []
        self._num_waiting = 0

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return self.__dict__

    def add(self, values: pa.Array, keys: np.ndarray) -> None:
        """Takes in `values [num_values]`, strings or integers, of the rows with `keys [num_values]`."""
        self._count += len(values)
        for start in range(0, len(values), _WAITING):
            self._wait(_rows(values[start : start + _WAITING], keys[start : start + _WAITING]))

    def merge(self, other: "CategoricalStatistics") -> None:
        """Takes in all that `other` took in."""
        other._settle()
        self._count += other._count
        if other._sketch is not None:
            self._settle()
            self._begin_sketch()
            self._sketch.merge(other._sketch)
        self._wait(other._kept)

    def to_json(self) -> dict[str, Any]:
        """The count of all values, the `MAX_VALUES` most frequent ones with theirs, ties by value.

        Beyond `EXACT_VALUES` values also the `error` of `CountMin`.
        """
        self._settle()
        counted = self._kept
        if self._sketch is not None:
            counted = _with_counts(counted, self._sketch.estimate(_hashes(counted)))
        told = _most_frequent(counted)
        values = zip(told[_VALUE].to_pylist(), told[_COUNT].to_pylist(), strict=True)
        error = {} if self._sketch is None else {"error": self._sketch.error}
        return {"count": self._count, "values": [list(pair) for pair in values], **error}

    def _wait(self, rows: pa.Table) -> None:
        if rows.num_rows:
            self._waiting.append(rows)
            self._num_waiting += rows.num_rows
        if self._num_waiting >= max(_WAITING, self._kept.num_rows // 2):
            self._settle()

    def _settle(self) -> None:
        """Counts what waits."""
        if not self._waiting:
            return
        fresh = _grouped(self._waiting)
        self._waiting, self._num_waiting = [], 0
        if self._sketch is None:
            self._kept = _grouped([self._kept, fresh]) if self._kept.num_rows else fresh
            if self._unique:
                self._kept = _most_frequent(self._kept)
            elif self._kept.num_rows > EXACT_VALUES:
                self._begin_sketch()
            return
        self._sketch.add(_hashes(fresh), fresh[_COUNT].to_numpy())
        self._keep(fresh)

    def _begin_sketch(self) -> None:
        if self._sketch is None:
            counted, self._sketch = self._kept, CountMin()
            self._kept = counted[:0]
            if counted.num_rows:
                self._sketch.add(_hashes(counted), counted[_COUNT].to_numpy())
                self._keep(counted)

    def _keep(self, rows: pa.Table) -> None:
        """Keeps of all values those with the least keys; the sketch has counted them."""
        if self._kept.num_rows == EXACT_VALUES:
            # Most rows of a long table can't be among them.
            rows = rows.filter(pc.less_equal(rows[_KEY], pc.max(self._kept[_KEY])))
        rows = _with_counts(rows, np.zeros(rows.num_rows, np.int64))
        self._kept = _least(_grouped([self._kept, rows]) if self._kept.num_rows else rows)


def _rows(values: pa.Array, keys: np.ndarray) -> pa.Table:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pa.table({_VALUE: values, _COUNT: np.ones(len(values), np.int64), _KEY: keys})


def _grouped(tables: list[pa.Table]) -> pa.Table:
    """A row a value: the sum of its counts, and the least of its keys."""
    grouped = pa.concat_tables(tables).group_by(_VALUE).aggregate([(_COUNT, "sum"), (_KEY, "min")])
    columns = {_VALUE: grouped[_VALUE], _COUNT: grouped[f"{_COUNT}_sum"], _KEY: grouped[f"{_KEY}_min"]}
    return pa.table(columns)


def _least(rows: pa.Table) -> pa.Table:
    """Up to `EXACT_VALUES` rows with the least keys, ties by value."""
    if rows.num_rows <= EXACT_VALUES:
        return rows
    keys = rows[_KEY].to_numpy()
    last = np.partition(keys, EXACT_VALUES - 1)[EXACT_VALUES - 1]
    before, ties = np.flatnonzero(keys < last), np.flatnonzero(keys == last)
    ties = ties[pc.sort_indices(rows[_VALUE].take(pa.array(ties))).to_numpy()]
    return rows.take(pa.array(np.concatenate([before, ties[: EXACT_VALUES - len(before)]])))


def _most_frequent(rows: pa.Table) -> pa.Table:
    """Up to `MAX_VALUES` rows, most frequent first, ties by value."""
    order = pc.sort_indices(rows, sort_keys=[(_COUNT, "descending"), (_VALUE, "ascending")])
    return rows.take(order[:MAX_VALUES])


def _with_counts(rows: pa.Table, counts: np.ndarray) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(_COUNT), _COUNT, pa.array(counts))


def _hashes(rows: pa.Table) -> np.ndarray:
    values = rows[_VALUE].to_numpy()
    return pd.util.hash_array(values, categorize=False)
