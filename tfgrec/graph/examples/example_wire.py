"""Serialized tf.Examples from ragged columns, written column by column in protobuf's wire format.

A tf.Example is `Example.features = 1`, `Features.feature = 1` (a map: entries of `key = 1`, `value = 2`), and a
`Feature` with `bytes_list = 1`, `float_list = 2` or `int64_list = 3`, each a list of `value = 1`, numbers packed
(tensorflow/core/example/{example,feature}.proto; protobuf.dev/programming-guides/encoding). Other encoders build one
message a row and leave the order of its features to chance; here the same row always gives the same bytes, and
nothing but NumPy and Arrow is needed.

Columns whose values are written alike are encoded together; a single row, as an online request is, has a shorter way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.errors import InputDataError
from tfgrec.graph.examples.one_example import encode_one
from tfgrec.graph.examples.ragged_column import RaggedColumn
from tfgrec.graph.examples.wire_format import (
    FIELD_1,
    FIELD_2,
    FIELD_3,
    feature_header,
    feature_key,
    most_bytes,
    varints,
)

# With offsets of 64 bits: those of 32 would wrap in a batch of more than 2 GiB.
_BYTES = pa.large_binary()
_TEXTS = {pa.string(), pa.binary(), pa.large_string(), pa.large_binary()}
_INT64, _FLOAT32 = np.dtype(np.int64), np.dtype(np.float32)

_Values = np.ndarray | pa.Array
_Encoded = tuple[np.ndarray, np.ndarray]


def encode_examples(columns: Mapping[str, RaggedColumn]) -> list[bytes]:
    """One serialized tf.Example a row; features come in the order of their names.

    Args:
      columns: the features by name, all of as many rows.

    Raises:
      InputDataError: the values of a column are neither int64, float32 nor bytes.
    """
    names = sorted(columns)
    fields = [_field(name, columns[name].values) for name in names]
    if names and len(columns[names[0]].splits) == 2:
        return [encode_one(names, fields, [columns[name].values for name in names])]
    splits = np.array([columns[name].splits for name in names], np.int64)
    num_rows = splits.shape[1] - 1
    if num_rows == 0:
        return []
    payloads, sizes = _payloads([columns[name].values for name in names], fields, np.diff(splits, axis=1))
    headers = _headers(names, fields, sizes)
    entries = [headers.slice(column * num_rows, num_rows) for column in range(len(names))]
    parts = [part for entry in zip(entries, payloads, strict=True) for part in entry]
    lengths = sizes.sum(axis=0) + pc.binary_length(headers).to_numpy().reshape(sizes.shape).sum(axis=0)
    return _joined(_constant(FIELD_1, num_rows), _varint_column(lengths), *parts).to_pylist()


def _field(name: str, values: _Values) -> bytes:
    if isinstance(values, np.ndarray):
        field = {_INT64: FIELD_3, _FLOAT32: FIELD_2}.get(values.dtype)
    else:
        field = FIELD_1 if values.type in _TEXTS else None
    if field is None:
        kind = values.dtype if isinstance(values, np.ndarray) else values.type
        raise InputDataError(f"column '{name}': expected int64, float32 or bytes, received {kind}")
    return field


def _payloads(
    values: Sequence[_Values], fields: Sequence[bytes], counts: np.ndarray
) -> tuple[list[pa.Array], np.ndarray]:
    """The encoded values of each column, `[num_rows]` binary, and their bytes, int64 `[num_columns, num_rows]`."""
    num_rows = counts.shape[1]
    payloads: list[pa.Array] = [None] * len(values)
    sizes = np.zeros_like(counts)
    for members, encode in _alike(values, fields):
        payload, lengths = encode([values[column] for column in members])
        ends = _ends(lengths)[_ends(counts[members].ravel())]
        sizes[members] = np.diff(ends).reshape(-1, num_rows)
        together = _binary(payload, ends)
        for place, column in enumerate(members):
            payloads[column] = together.slice(place * num_rows, num_rows)
    return payloads, sizes


def _alike(
    values: Sequence[_Values], fields: Sequence[bytes]
) -> Iterator[tuple[list[int], Callable[[Sequence], _Encoded]]]:
    """Columns that are encoded together, and how: numbers with others that take as many bytes at most."""
    groups: dict[tuple[bytes, int], list[int]] = {}
    for column, (of_column, field) in enumerate(zip(values, fields, strict=True)):
        most = most_bytes(of_column.view(np.uint64)) if field == FIELD_3 else 0
        groups.setdefault((field, most), []).append(column)
    encoders = {FIELD_1: _delimited, FIELD_2: _floats, FIELD_3: _integers}
    for (field, _), members in groups.items():
        yield members, encoders[field]


def _integers(columns: Sequence[np.ndarray]) -> _Encoded:
    return varints(np.concatenate(columns).view(np.uint64))


def _floats(columns: Sequence[np.ndarray]) -> _Encoded:
    values = np.concatenate(columns)
    return values.astype("<f4", copy=False).view(np.uint8), np.full(len(values), 4)


def _delimited(columns: Sequence[pa.Array]) -> _Encoded:
    """Each value as a field of its own: bytes of all of them, and the bytes of each."""
    values = pa.concat_arrays([column.cast(_BYTES) for column in columns])
    # Most strings are categories: few differ.
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary
    lengths = _varint_column(pc.binary_length(distinct).to_numpy())
    fields = _joined(_constant(FIELD_1, len(distinct)), lengths, distinct).take(encoded.indices)
    _, offsets, data = fields.buffers()
    payload = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return payload, np.diff(np.frombuffer(offsets, np.int64)[: len(values) + 1])


def _headers(names: Sequence[str], fields: Sequence[bytes], sizes: np.ndarray) -> pa.Array:
    """What comes before the values of each column and row, binary `[num_columns * num_rows]`; few of them differ."""
    largest = int(sizes.max(initial=0)) + 1
    codes, distinct = pd.factorize((sizes + np.arange(len(sizes))[:, np.newaxis] * largest).ravel())
    keys = [feature_key(name) for name in names]
    headers = [
        feature_header(keys[code // largest], fields[code // largest], code % largest) for code in distinct.tolist()
    ]
    return pa.array(headers, _BYTES).take(pa.array(codes))


def _varint_column(values: np.ndarray) -> pa.Array:
    encoded, lengths = varints(values.astype(np.uint64))
    return _binary(encoded, _ends(lengths))


def _ends(lengths: np.ndarray) -> np.ndarray:
    """Where each of parts of `lengths [num_parts]` ends, from 0 on: int64 `[num_parts + 1]`."""
    return np.concatenate([[0], np.cumsum(lengths)])


def _binary(data: np.ndarray, ends: np.ndarray) -> pa.Array:
    buffers = [None, pa.py_buffer(ends.astype(np.int64)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(_BYTES, len(ends) - 1, buffers)


def _constant(byte: bytes, count: int) -> pa.Array:
    return _binary(np.full(count, byte[0], np.uint8), np.arange(count + 1))


def _joined(*columns: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*columns, pa.scalar(b"", _BYTES))
