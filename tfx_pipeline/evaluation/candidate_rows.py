"""Candidates as rows of plain columns, read off a batch of records that TFX has decoded to Arrow."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.config.pipeline import SliceConfig
from tfgrec.errors import InputDataError
from tfgrec.graph.schema import ID, READOUT, USER_READOUT
from tfgrec.graph.statistics import row_keys
from tfx_pipeline.evaluation.cold_candidates import cold_candidates
from tfx_pipeline.evaluation.row_layout import COLD, WARM, RowLayout, slice_texts

_SIZE = f"nodes/{READOUT}.#size"


@dataclasses.dataclass(frozen=True)
class CandidateRows:
    """Columns of equal length, one row a candidate, in the order of the records and of the candidates in them.

    Attributes:
      labels: task -> float32 `[num_rows]`, NaN where it is missing.
      users: uint64 `[num_rows]`, a hash of the user's id.
      requests: int32 `[num_rows]`, the place of the row's record in its batch.
      slices: name of the slice -> in which part of it each row is, strings `[num_rows]`.
    """

    labels: dict[str, np.ndarray]
    users: np.ndarray
    requests: np.ndarray
    slices: dict[str, np.ndarray]

    @classmethod
    def read(cls, batch: pa.RecordBatch, layout: RowLayout) -> "CandidateRows":
        """Reads a batch whose columns are the features of tf.Examples.

        Raises:
          InputDataError: a feature that the layout names is missing, or has not one value a candidate.
        """
        sizes = _flat(batch, _SIZE).astype(np.int64)
        readout = _Readout(batch, int(sizes.sum()))
        return cls(
            labels={name: readout.values(task.label).astype(np.float32) for name, task in layout.tasks.items()},
            users=_users(batch, layout.user_node_set, sizes),
            requests=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
            slices={name: _slice(batch, readout, layout, cut, sizes) for name, cut in layout.slices.items()},
        )


def _slice(
    batch: pa.RecordBatch, readout: "_Readout", layout: RowLayout, cut: SliceConfig, sizes: np.ndarray
) -> np.ndarray:
    if cut.feature is not None:
        return slice_texts(readout.values(cut.feature), cut)
    cold = np.zeros(readout.num_rows, bool)
    for name in layout.readouts(cut):
        cold |= cold_candidates(batch, name, layout.events[name], sizes)
    return np.where(cold, COLD, WARM)


@dataclasses.dataclass(frozen=True)
class _Readout:
    """Features of the `_readout` nodes of a batch."""

    batch: pa.RecordBatch
    num_rows: int

    def values(self, feature: str) -> np.ndarray:
        """A feature's values `[num_rows]`."""
        name = f"nodes/{READOUT}.{feature}"
        values = _flat(self.batch, name)
        if len(values) != self.num_rows:
            raise InputDataError(f"examples: '{name}' has {len(values)} values for {self.num_rows} candidates")
        return values


def _users(batch: pa.RecordBatch, node_set: str, sizes: np.ndarray) -> np.ndarray:
    """The key of each candidate's user; candidates that are tied to no user share one."""
    ids, sources, targets = f"nodes/{node_set}.{ID}", f"edges/{USER_READOUT}.#source", f"edges/{USER_READOUT}.#target"
    ties = _lengths(batch, sources)
    users = _flat(batch, sources).astype(np.int64) + np.repeat(_starts(_lengths(batch, ids)), ties)
    candidates = _flat(batch, targets).astype(np.int64) + np.repeat(_starts(sizes), ties)
    keys = np.zeros(int(sizes.sum()), np.uint64)
    keys[candidates] = row_keys(_flat(batch, ids))[users]
    return keys


def _flat(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """The values of a feature of all records, one after the other."""
    values = _column(batch, name).flatten()
    return values.to_numpy(zero_copy_only=False)


def _lengths(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """How many values each record has, int64 `[batch_size]`."""
    return pc.fill_null(pc.list_value_length(_column(batch, name)), 0).to_numpy(zero_copy_only=False).astype(np.int64)


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.cumsum(lengths) - lengths


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    position = batch.schema.get_field_index(name)
    # A feature that no record of the batch has any value of is decoded as nulls.
    if position < 0 or pa.types.is_null(batch.column(position).type):
        raise InputDataError(f"examples: no feature '{name}'")
    return batch.column(position)
