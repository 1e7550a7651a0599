"""Pieces of protobuf's wire format: varints, and what stands before the values of a tf.Example's feature."""

import numpy as np

# (field number << 3) | 2: a length-delimited field.
FIELD_1, FIELD_2, FIELD_3 = b"\x0a", b"\x12", b"\x1a"


def feature_key(name: str) -> bytes:
    """The key of a map entry for a feature of that name."""
    encoded = name.encode("utf-8")
    return FIELD_1 + varint(len(encoded)) + encoded


def feature_header(key: bytes, field: bytes, size: int) -> bytes:
    """What comes before the `size` bytes of a feature's values: of bytes in FIELD_1, floats in 2, integers in 3."""
    before_values = FIELD_1 + varint(size) if field != FIELD_1 and size else b""
    of_list = field + varint(len(before_values) + size) + before_values
    of_value = key + FIELD_2 + varint(len(of_list) + size) + of_list
    return FIELD_1 + varint(len(of_value) + size) + of_value


def varints(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Varints of `values [num_values]` uint64, end to end (uint8), and the bytes of each (int64 `[num_values]`)."""
    most = most_bytes(values)
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


def most_bytes(values: np.ndarray) -> int:
    """The bytes that the largest of `values`, uint64, takes as a varint."""
    return max(1, -(-int(values.max(initial=0)).bit_length() // 7))


def varint(value: int) -> bytes:
    """A number that is not negative as a varint."""
    encoded = []
    while value >= 1 << 7:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
