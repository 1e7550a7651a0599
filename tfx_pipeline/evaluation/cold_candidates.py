"""Candidates whose user or item had no event before the request, read off a batch that TFX has decoded to Arrow."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.graph.sampling.events_of_roots import RootEvents
from tfgrec.graph.schema import ID


def cold_candidates(batch: pa.RecordBatch, readout: str, events: RootEvents, sizes: np.ndarray) -> np.ndarray:
    """Which candidates of all records a readout ties to a node without events, bool `[num_candidates]`.

    The same as `tfgrec.data.cold_nodes`, of columns.

    Args:
      batch: columns are the features of tf.Examples.
      readout: the readout edge set.
      events: what shows that its nodes had events.
      sizes: candidates of each record, int64 `[batch_size]`.
    """
    counts = _numbers(batch, f"nodes/{events.node_set}.{ID}")[1]
    warm = np.zeros(int(counts.sum()), bool)
    for name in events.edge_sets:
        warm[_placed(batch, f"edges/{name}.#source", counts)] = True
    for name in events.histories:
        warm |= np.repeat(_sizes(batch, name) > 0, counts)
    cold = np.zeros(int(sizes.sum()), bool)
    nodes = _placed(batch, f"edges/{readout}.#source", counts)
    cold[_placed(batch, f"edges/{readout}.#target", sizes)] = ~warm[nodes]
    return cold


def _placed(batch: pa.RecordBatch, name: str, counts: np.ndarray) -> np.ndarray:
    """Numbers of nodes within their records as places in the whole batch; `counts` are the nodes of each record."""
    values, lengths = _numbers(batch, name)
    return values + np.repeat(np.cumsum(counts) - counts, lengths)


def _sizes(batch: pa.RecordBatch, node_set: str) -> np.ndarray:
    values, lengths = _numbers(batch, f"nodes/{node_set}.#size")
    found = np.zeros(batch.num_rows, np.int64)
    found[lengths > 0] = values
    return found


def _numbers(batch: pa.RecordBatch, name: str) -> tuple[np.ndarray, np.ndarray]:
    """All values of a feature, and how many each record has; none where no record has any."""
    position = batch.schema.get_field_index(name)
    if position < 0 or pa.types.is_null(batch.column(position).type):
        return np.empty(0, np.int64), np.zeros(batch.num_rows, np.int64)
    column = batch.column(position)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return column.flatten().to_numpy(zero_copy_only=False), lengths
