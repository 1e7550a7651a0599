"""Frames of an append-only file: what was written whole can be told from what was not."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tfgrec.errors import GraphStoreError

# Magic, the payload's bytes, CRC-32 of the payload.
_HEADER = struct.Struct("<4sII")
_MAGIC = b"tfgE"
MOST_BYTES = 1 << 30


def frame(payload: bytes) -> bytes:
    """A payload, of less than `MOST_BYTES`, as it stands in a file."""
    return _HEADER.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def read_frames(path: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    """The payloads of whole frames from byte `offset` on, and where each one ends.

    Stops at a frame that is not whole yet: a writer is at it, or died.

    Raises:
      GraphStoreError: the file is damaged: a frame is not as it was written, and more follows it.
    """
    with open(path, "rb") as file:
        file.seek(offset)
        while True:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            magic, size, checksum = _HEADER.unpack(header)
            payload = file.read(size) if magic == _MAGIC and size < MOST_BYTES else b""
            if magic != _MAGIC or len(payload) < size or zlib.crc32(payload) != checksum:
                rest = b"" if magic == _MAGIC and len(payload) < size else file.read()
                # Where the machine lost its power, a file may have grown by zeros that were never written.
                if rest.strip(b"\0") or (magic != _MAGIC and header.strip(b"\0")):
                    raise GraphStoreError(f"{path}: is damaged at byte {offset}: restore it, or remove the log")
                return
            offset += _HEADER.size + size
            yield payload, offset


def whole_bytes(path: Path) -> int:
    """Where the last whole frame of a file ends.

    Raises:
      GraphStoreError: the file is damaged.
    """
    end = 0
    for _, end in read_frames(path, 0):  # noqa: B007
        pass
    return end
