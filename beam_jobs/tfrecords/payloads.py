"""Lists of values in serialized tf.Examples, of one feature in many records at once."""

import dataclasses

import numpy as np
import pyarrow as pa

_FIELD_1 = 0x0A
_MOST_BYTES = 10


@dataclasses.dataclass(frozen=True)
class Payloads:
    """The bytes of a feature's list in each record: from `starts` to `ends`, int64 `[num_records]`, in `data`."""

    data: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


@dataclasses.dataclass(frozen=True)
class Values:
    """All values `[num_values]`, and how many each record has, int64 `[num_records]`."""

    values: pa.Array
    counts: np.ndarray


def integers_of(payloads: Payloads) -> Values | None:
    """Packed int64; None where a list is written otherwise."""
    packed = _packed(payloads)
    if packed is None:
        return None
    data, lengths = packed
    last = data < 0x80
    if last.all():
        return Values(pa.array(data.astype(np.int64)), lengths)
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    bounds = np.cumsum(lengths)
    # No value goes on from one record to the next, and none has bits beyond its 64.
    if len(data) and not last[bounds[lengths > 0] - 1].all():
        return None
    sizes = ends - starts + 1
    if len(sizes) and (sizes.max() > _MOST_BYTES or (data[ends[sizes == _MOST_BYTES]] > 1).any()):
        return None
    values = (data[starts] & 0x7F).astype(np.uint64)
    for place in range(1, int(sizes.max(initial=0))):
        longer = np.flatnonzero(sizes > place)
        values[longer] |= (data[starts[longer] + place] & 0x7F).astype(np.uint64) << np.uint64(7 * place)
    counts = np.diff(np.searchsorted(ends, bounds), prepend=0)
    return Values(pa.array(values.view(np.int64)), counts)


def floats_of(payloads: Payloads) -> Values | None:
    """Packed float32; None where a list is written otherwise."""
    packed = _packed(payloads)
    if packed is None or (packed[1] % 4).any():
        return None
    data, lengths = packed
    return Values(pa.array(data.view("<f4")), lengths // 4)


def bytes_of(payloads: Payloads) -> Values | None:
    """Bytes, each a field of its own; None where a list is written otherwise."""
    positions, counts = payloads.starts.copy(), np.zeros(len(payloads.starts), np.int64)
    starts, ends, owners = [], [], []
    open_ = np.flatnonzero(positions < payloads.ends)
    while len(open_):
        at = positions[open_]
        # Values of 128 bytes and more are left to the other decoder.
        if (payloads.data[at] != _FIELD_1).any() or (at + 1 >= payloads.ends[open_]).any():
            return None
        length = payloads.data[at + 1].astype(np.int64)
        following = at + 2 + length
        if (length >= 0x80).any() or (following > payloads.ends[open_]).any():
            return None
        starts.append(at + 2)
        ends.append(following)
        owners.append(open_)
        counts[open_] += 1
        positions[open_] = following
        open_ = open_[following < payloads.ends[open_]]
    if not owners:
        return Values(pa.array([], pa.large_binary()), counts)
    order = np.argsort(np.concatenate(owners), kind="stable")
    data, lengths = _gathered(payloads.data, np.concatenate(starts)[order], np.concatenate(ends)[order])
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return Values(pa.Array.from_buffers(pa.large_binary(), len(lengths), buffers), counts)


def _packed(payloads: Payloads) -> tuple[np.ndarray, np.ndarray] | None:
    """The bytes of packed numbers, and how many of each record; a list without a value has none."""
    starts, ends, data = payloads.starts, payloads.ends, payloads.data
    filled = np.flatnonzero(starts < ends)
    if (data[starts[filled]] != _FIELD_1).any():
        return None
    starts = starts.copy()
    length, position, open_ = np.zeros(len(filled), np.int64), starts[filled] + 1, np.ones(len(filled), bool)
    for place in range(5):
        byte = np.where(open_, data[np.minimum(position, len(data) - 1)], 0)
        length |= (byte.astype(np.int64) & 0x7F) << (7 * place)
        position = position + open_
        open_ = open_ & (byte >= 0x80)
    if open_.any() or (position + length != ends[filled]).any():
        return None
    starts[filled] = position
    return _gathered(data, starts, ends)


def _gathered(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is from `starts` to `ends`, one behind the other, and the bytes of each."""
    # A slice each: an index of each byte would take many times the memory of the bytes.
    view = memoryview(data)
    parts = [view[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return np.frombuffer(b"".join(parts), np.uint8), ends - starts
