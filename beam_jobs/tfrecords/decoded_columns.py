"""Columns of decoded tf.Examples."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.graph.store.columns import column_of


def flat_values(batch: pa.RecordBatch, name: str) -> tuple[pa.Array, np.ndarray]:
    """All values `[num_values]` of a column of lists, and the record, int64 `[num_values]`, of each."""
    lists = column_of(batch, name)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    return lists.flatten(), np.repeat(np.arange(len(lists)), lengths)
