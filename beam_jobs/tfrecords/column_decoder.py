"""Some columns of serialized tf.Examples, read of many at once where these are laid out alike.

Records of one job name the same features in the same order, so that one walk along this order reads all of them, with
NumPy. Whatever is laid out otherwise is left to TFX's decoder, which takes any tf.Example: what is decoded is the same.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from beam_jobs.tfrecords.example_layout import Layout, layout_of
from beam_jobs.tfrecords.payloads import Payloads, bytes_of, floats_of, integers_of
from tfgrec.graph.schema import Feature

_TYPES = {"int64": schema_pb2.INT, "float32": schema_pb2.FLOAT, "string": schema_pb2.BYTES}
_READ = {"int64": integers_of, "float32": floats_of, "string": bytes_of}
_LAYOUTS_TRIED = 4


@dataclasses.dataclass(frozen=True)
class _Part:
    """Records that were decoded together, and their places, int64 `[num_records]`, among all."""

    places: np.ndarray
    batch: pa.RecordBatch


class ColumnDecoder:
    """Decodes `columns`, as ExamplesToRecordBatchDecoder does with a schema of them; all others are left alone."""

    def __init__(self, columns: Mapping[str, Feature]) -> None:
        schema = schema_pb2.Schema()
        for name, feature in columns.items():
            schema.feature.add(name=name, type=_TYPES[feature.dtype])
        self._columns = {name: feature.dtype for name, feature in columns.items()}
        self._any = ExamplesToRecordBatchDecoder(schema.SerializeToString())
        self._schema = self._any.ArrowSchema()

    def decode(self, records: Sequence[bytes]) -> pa.RecordBatch:
        """A row a record: lists, null where a record has no such feature."""
        parts, left = [], np.arange(len(records))
        for _ in range(_LAYOUTS_TRIED):
            if not len(left):
                break
            part = self._alike([records[place] for place in left], left)
            if part is None:
                break
            parts.append(part)
            left = np.setdiff1d(left, part.places)
        if len(left) or not parts:
            parts.append(_Part(left, self._any.DecodeBatch([records[place] for place in left])))
        if len(parts) == 1:
            return parts[0].batch
        table = pa.Table.from_batches([part.batch for part in parts])
        order = np.argsort(np.concatenate([part.places for part in parts]))
        return table.take(pa.array(order)).combine_chunks().to_batches()[0]

    def _alike(self, records: Sequence[bytes], places: np.ndarray) -> _Part | None:
        """Those of the records that are laid out as the first of them; None where it is no such record as ours."""
        layout = layout_of(records[0])
        if layout is None:
            return None
        found = layout.find(records, set(self._columns))
        if found is None or any(found.kinds[name] != self._columns[name] for name in found.payloads):
            return None
        columns = []
        for field in self._schema:
            read = self._values(layout, found.payloads.get(field.name), field, len(found.records))
            if read is None:
                return None
            columns.append(read)
        return _Part(places[found.records], pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def _values(self, layout: Layout, payloads: Payloads | None, field: pa.Field, count: int) -> pa.Array | None:
        if payloads is None:
            return pa.nulls(count, field.type)
        values = _READ[self._columns[field.name]](payloads)
        if values is None:
            return None
        offsets = pa.array(np.concatenate([[0], np.cumsum(values.counts)]), pa.int64())
        lists = pa.LargeListArray if pa.types.is_large_list(field.type) else pa.ListArray
        if lists is pa.ListArray:
            offsets = offsets.cast(pa.int32())
        return lists.from_arrays(offsets, values.values.cast(field.type.value_type))
