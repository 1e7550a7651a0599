"""The order of features in a serialized tf.Example, and where the values of these are in records of the same order.

See `tfgrec.graph.examples.example_wire` for the format.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from beam_jobs.tfrecords.payloads import Payloads

_FIELD_1, _FIELD_2, _FIELD_3 = 0x0A, 0x12, 0x1A
_KINDS = {_FIELD_1: "string", _FIELD_2: "float32", _FIELD_3: "int64"}
# Of a length: records of more than 2 GiB are no tf.Examples.
_MOST_LENGTH_BYTES = 5


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found of some records.

    Attributes:
      records: the places, int64 `[num_found]`, of those that have the layout.
      kinds: dtypes by feature.
      payloads: where the values are, by feature.
    """

    records: np.ndarray
    kinds: dict[str, str]
    payloads: dict[str, Payloads]


@dataclasses.dataclass(frozen=True)
class Layout:
    """The keys of an example's features in their order, each with the field of its kind of values."""

    entries: tuple[tuple[bytes, int], ...]

    def find(self, records: Sequence[bytes], names: set[str]) -> Found | None:
        """Walks along all records at once. None where not one has the layout to its last byte."""
        lengths = np.fromiter(map(len, records), np.int64, len(records))
        walk = _Walk(np.frombuffer(b"".join(records), np.uint8), np.cumsum(lengths) - lengths, np.cumsum(lengths))
        walk.enter(_FIELD_1, walk.ends)
        kinds, places = {}, {}
        for key, kind in self.entries:
            entry_ends = walk.enter(_FIELD_1)
            walk.expect(bytes([_FIELD_1, len(key)]) + key)
            walk.enter(_FIELD_2, entry_ends)
            walk.enter(kind, entry_ends)
            name = key.decode("utf-8")
            if name in names:
                kinds[name], places[name] = _KINDS[kind], walk.positions
            walk.positions = entry_ends
            if name in names:
                places[name] = places[name], entry_ends
        walk.alike &= walk.positions == walk.ends
        found = np.flatnonzero(walk.alike)
        if not len(found):
            return None
        payloads = {name: Payloads(walk.data, start[found], end[found]) for name, (start, end) in places.items()}
        return Found(found, kinds, payloads)


class _Walk:
    """Positions in all records, moved on together. `alike` are those that had what was expected so far."""

    def __init__(self, data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        self.data, self.positions, self.ends = data, starts, ends
        self.alike = np.ones(len(starts), bool)

    def enter(self, field: int, ends: np.ndarray | None = None) -> np.ndarray:
        """Goes behind a tag and a length; returns where what has this length ends, which has to be at `ends`."""
        self.expect(bytes([field]))
        length = np.zeros(len(self.positions), np.int64)
        open_ = np.ones(len(self.positions), bool)
        for place in range(_MOST_LENGTH_BYTES):
            byte = np.where(open_, self._bytes_at(self.positions), 0)
            length |= (byte.astype(np.int64) & 0x7F) << (7 * place)
            self.positions = self.positions + open_
            open_ = open_ & (byte >= 0x80)
            if not open_.any():
                break
        found = self.positions + length
        self.alike &= ~open_ & (found <= self.ends)
        if ends is not None:
            self.alike &= found == ends
        return found

    def expect(self, text: bytes) -> None:
        """Goes behind bytes that have to be there."""
        expected = np.frombuffer(text, np.uint8)
        found = self._bytes_at(self.positions[:, np.newaxis] + np.arange(len(text)))
        self.alike &= (found == expected).all(axis=1)
        self.positions = self.positions + len(text)
        self.alike &= self.positions <= self.ends

    def _bytes_at(self, positions: np.ndarray) -> np.ndarray:
        # Beyond a record is never looked at in one that is alike; in the others it does not matter.
        return self.data[np.minimum(positions, len(self.data) - 1)]


def layout_of(record: bytes) -> Layout | None:
    """The layout of one example; None where it is none of ours: a key twice or that is no text, or other fields."""
    entries, position = [], 0
    opened = _opened(record, position, _FIELD_1)
    if opened is None or opened[1] != len(record):
        return None
    position = opened[0]
    while position < len(record):
        entry = _opened(record, position, _FIELD_1)
        key = None if entry is None else _opened(record, entry[0], _FIELD_1)
        value = None if key is None else _opened(record, key[1], _FIELD_2)
        if value is None or value[1] != entry[1] or value[0] >= value[1] or key[1] - key[0] >= 0x80:
            return None
        kind = record[value[0]]
        if kind not in _KINDS:
            return None
        if not _is_text(record[key[0] : key[1]]):
            return None
        entries.append((record[key[0] : key[1]], kind))
        position = entry[1]
    keys = [key for key, _ in entries]
    return Layout(tuple(entries)) if entries and len(set(keys)) == len(keys) else None


def _is_text(key: bytes) -> bool:
    try:
        key.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _opened(record: bytes, position: int, field: int) -> tuple[int, int] | None:
    """Where what comes behind a tag and a length begins and ends; None where it does not."""
    if position >= len(record) or record[position] != field:
        return None
    length, shift, position = 0, 0, position + 1
    while position < len(record) and shift < 7 * _MOST_LENGTH_BYTES:
        byte = record[position]
        length, shift, position = length | (byte & 0x7F) << shift, shift + 7, position + 1
        if byte < 0x80:
            return (position, position + length) if position + length <= len(record) else None
    return None
