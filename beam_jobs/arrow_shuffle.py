"""Arrow record batches through a Beam shuffle: cut by partition, as bytes of Arrow's stream format.

Pickling a slice of an array writes the whole array in older versions of Arrow; the stream format writes the slice.
"""

from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa

# A set and the number of its shard.
ShardKey = tuple[str, int]
_NO_ROWS = b""


def all_shards(sets: Iterable[str], shards: int) -> beam.PTransform:
    """Every shard of every set, without rows: a shuffle forgets the shards that nothing falls into."""
    keys = [((name, shard), _NO_ROWS) for name in sets for shard in range(shards)]
    return "every shard" >> beam.Create(keys)


def split(batch: pa.RecordBatch, partitions: np.ndarray) -> Iterator[tuple[int, bytes]]:
    """Cuts a batch by the partition, an integer `[num_rows]`, of its rows; yields those that have rows."""
    if batch.num_rows == 0:
        return
    order = np.argsort(partitions, kind="stable")
    ordered = batch.take(pa.array(order))
    present, starts = np.unique(partitions[order], return_index=True)
    for partition, start, end in zip(present, starts, np.append(starts[1:], len(order)), strict=True):
        yield int(partition), to_bytes(ordered.slice(start, end - start))


def to_bytes(batch: pa.RecordBatch) -> bytes:
    """One batch as bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def concatenate(parts: Iterable[bytes]) -> pa.Table | None:
    """The rows of all parts as one table of unchunked columns; None where all parts are empty bytes."""
    tables = [pa.ipc.open_stream(part).read_all() for part in parts if part]
    return pa.concat_tables(tables).combine_chunks() if tables else None


def column_arrays(table: pa.Table) -> dict[str, pa.Array]:
    """The columns of a table as plain arrays."""
    return {
        name: column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
