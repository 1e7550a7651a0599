"""Serialized tf.Examples from columns of lists, written column by column in protobuf's wire format.

A tf.Example is `Example.features = 1`, `Features.feature = 1` (a map: entries of `key = 1`, `value = 2`), and a
`Feature` with `bytes_list = 1`, `float_list = 2` or `int64_list = 3`, each a list of `value = 1`, numbers packed
(tensorflow/core/example/{example,feature}.proto; protobuf.dev/programming-guides/encoding). Other encoders build one
message a row and leave the order of its features to chance; here the same row always gives the same bytes, and
nothing but NumPy and Arrow is needed.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.errors import InputDataError

# (field number << 3) | 2: a length-delimited field.
_FIELD_1, _FIELD_2, _FIELD_3 = b"\x0a", b"\x12", b"\x1a"


def encode_examples(record_batch: pa.RecordBatch) -> list[bytes]:
    """One serialized tf.Example a row; features come in the order of their names.

    Columns are lists of int64, float32, binary or string.

    Raises:
      InputDataError: a column is of another type.
    """
    if record_batch.num_rows == 0:
        return []
    columns = sorted(zip(record_batch.schema.names, record_batch.columns, strict=True), key=lambda column: column[0])
    parts = [part for name, column in columns for part in _entries(name, column)]
    lengths = sum(pc.binary_length(part).to_numpy() for part in parts)
    return _joined(_constant(_FIELD_1, len(lengths)), _varint_column(lengths), *parts).to_pylist()


def _entries(name: str, column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """A column's map entries, `[num_rows]` binary: all that comes before the values, and the values."""
    kind = column.type.value_type if pa.types.is_list(column.type) else None
    if kind not in (pa.int64(), pa.float32(), pa.binary(), pa.string()):
        raise InputDataError(f"column '{name}': expected a list of int64, float32 or bytes, received {column.type}")
    splits = column.offsets.to_numpy().astype(np.int64)
    values = column.flatten()
    if kind == pa.int64():
        field, (payload, lengths) = _FIELD_3, varints(values.to_numpy().view(np.uint64))
    elif kind == pa.float32():
        payload = values.to_numpy().astype("<f4", copy=False).view(np.uint8)
        field, lengths = _FIELD_2, np.full(len(values), 4)
    else:
        field, (payload, lengths) = _FIELD_1, _delimited(values)
    ends = np.concatenate([[0], np.cumsum(lengths)])[splits - splits[0]]
    headers = _headers(name, field, np.diff(ends), packed=field != _FIELD_1)
    return headers, _binary(payload, ends)


def _headers(name: str, field: bytes, sizes: np.ndarray, packed: bool) -> pa.Array:
    """What comes before values of `sizes [num_rows]` bytes; few sizes differ."""
    key = name.encode("utf-8")
    key = _FIELD_1 + _varint(len(key)) + key

    def header(size: int) -> bytes:
        before_values = _FIELD_1 + _varint(size) if packed and size else b""
        of_list = field + _varint(len(before_values) + size) + before_values
        of_value = key + _FIELD_2 + _varint(len(of_list) + size) + of_list
        return _FIELD_1 + _varint(len(of_value) + size) + of_value

    distinct, rows = np.unique(sizes, return_inverse=True)
    return pa.array([header(size) for size in distinct.tolist()], pa.binary()).take(pa.array(rows))


def _delimited(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Each value as a field of its own: bytes of all of them, and the bytes of each."""
    # Most strings are categories: few differ.
    encoded = values.cast(pa.binary()).dictionary_encode()
    distinct = encoded.dictionary
    lengths = _varint_column(pc.binary_length(distinct).to_numpy())
    fields = _joined(_constant(_FIELD_1, len(distinct)), lengths, distinct).take(encoded.indices)
    _, offsets, data = fields.buffers()
    payload = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return payload, np.diff(np.frombuffer(offsets, np.int32)[: len(values) + 1])


def varints(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Varints of `values [num_values]` uint64, end to end (uint8), and the bytes of each (int64 `[num_values]`)."""
    most = max(1, -(-int(values.max(initial=0)).bit_length() // 7))
    encoded = np.empty((len(values), most), np.uint8)
    lengths = np.ones(len(values), np.int64)
    for position in range(most):
        # Seven bits a byte, the lowest first; the top bit says that more follow.
        encoded[:, position] = values & np.uint64(0x7F)
        values = values >> np.uint64(7)
        more = values > 0
        encoded[:, position] |= more.astype(np.uint8) << np.uint8(7)
        lengths += more
    if lengths.min(initial=most) == most:
        return encoded.ravel(), lengths
    return encoded[np.arange(most) < lengths[:, np.newaxis]], lengths


def _varint(value: int) -> bytes:
    encoded = []
    while value >= 1 << 7:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _varint_column(values: np.ndarray) -> pa.Array:
    encoded, lengths = varints(values.astype(np.uint64))
    return _binary(encoded, np.concatenate([[0], np.cumsum(lengths)]))


def _binary(data: np.ndarray, ends: np.ndarray) -> pa.Array:
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(ends) - 1, buffers)


def _constant(byte: bytes, count: int) -> pa.Array:
    return _binary(np.full(count, byte[0], np.uint8), np.arange(count + 1))


def _joined(*columns: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*columns, pa.scalar(b"", pa.binary()))
