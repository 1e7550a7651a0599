"""One serialized tf.Example, put together piece by piece: for a single row that takes less than encoding columns."""

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tfgrec.graph.examples.wire_format import FIELD_1, FIELD_2, FIELD_3, feature_header, feature_key, varint, varints

# The largest number that a varint of one byte holds.
_ONE_BYTE = 127
# Texts that Python puts together as fast as NumPy does.
_FEW = 24


def encode_one(names: Sequence[str], fields: Sequence[bytes], values: Sequence[np.ndarray | pa.Array]) -> bytes:
    """The bytes that `encode_examples` writes for a row that has all of the columns' values.

    Args:
      names: the features, sorted.
      fields: FIELD_1 for bytes, FIELD_2 for float32, FIELD_3 for int64.
      values: of the features.
    """
    integers = iter(_integers([column for column, field in zip(values, fields, strict=True) if field == FIELD_3]))
    parts = []
    for name, field, column in zip(names, fields, values, strict=True):
        if field == FIELD_3:
            payload = next(integers)
        elif field == FIELD_2:
            payload = column.astype("<f4", copy=False).tobytes()
        else:
            payload = _delimited(column)
        parts += (_header(name, field, len(payload)), payload)
    size = sum(map(len, parts))
    return b"".join((FIELD_1, varint(size), *parts))


def _integers(columns: Sequence[np.ndarray]) -> list[bytes]:
    """The varints of each column; most columns hold small numbers alone."""
    if not columns:
        return []
    together = np.concatenate(columns)
    ends = np.cumsum([len(column) for column in columns])
    unsigned = together.view(np.uint64)
    small = unsigned <= _ONE_BYTE
    if small.all():
        return _cut(together.astype(np.uint8).tobytes(), ends)
    encoded, lengths = varints(unsigned[~small])
    sizes = np.ones(len(together), np.int64)
    sizes[~small] = lengths
    data = np.empty(int(sizes.sum()), np.uint8)
    is_small = np.repeat(small, sizes)
    data[is_small], data[~is_small] = unsigned[small], encoded
    return _cut(data.tobytes(), np.concatenate([[0], np.cumsum(sizes)])[ends])


def _cut(data: bytes, ends: np.ndarray) -> list[bytes]:
    first, parts = 0, []
    for last in ends.tolist():
        parts.append(data[first:last])
        first = last
    return parts


def _delimited(column: pa.Array) -> bytes:
    """Each value as a field of its own."""
    column = column.cast(pa.large_binary())
    if len(column) > _FEW:
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
        lengths = ends[1:] - ends[:-1]
        if data is not None and lengths.max() <= _ONE_BYTE:
            return _short_fields(np.frombuffer(data, np.uint8)[ends[0] : ends[-1]], lengths)
    parts = []
    for text in column.to_pylist():
        parts += (FIELD_1, varint(len(text)), text)
    return b"".join(parts)


def _short_fields(data: np.ndarray, lengths: np.ndarray) -> bytes:
    """Texts whose lengths take one byte, each behind the two bytes of its field."""
    starts = np.cumsum(lengths + 2) - lengths - 2
    fields = np.empty(len(data) + 2 * len(lengths), np.uint8)
    is_text = np.ones(len(fields), bool)
    is_text[starts] = is_text[starts + 1] = False
    fields[starts], fields[starts + 1], fields[is_text] = FIELD_1[0], lengths, data
    return fields.tobytes()


@functools.lru_cache(maxsize=4096)
def _header(name: str, field: bytes, size: int) -> bytes:
    return feature_header(feature_key(name), field, size)
