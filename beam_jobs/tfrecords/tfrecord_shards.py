"""TFRecord files on any file system: named once they are whole, read with all checksums compared.

Format of a record (https://www.tensorflow.org/tutorials/load_data/tfrecord): length (uint64), masked CRC32C of the
length, data, masked CRC32C of the data; little endian.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import google_crc32c

from tfgrec.errors import InputDataError
from tfgrec.files import open_to_read
from tfgrec.hashed_files import HashedFile, WrittenFile, write_hashed

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER_BYTES = _LENGTH.size + _CHECKSUM.size
_MASK_DELTA = 0xA282EAD8
_UINT32 = 0xFFFFFFFF


def write_records(path: str, records: Iterable[bytes]) -> WrittenFile:
    """Writes a TFRecord file: it has its name only once it is whole, and replaces an earlier one."""

    def write(file: HashedFile) -> None:
        for record in records:
            file.write(_framed(record))

    return write_hashed(path, write)


def read_records(path: str, *, sha256: str | None = None) -> Iterator[bytes]:
    """The records of a TFRecord file; with `sha256`, the file's bytes are compared with it when all of them are read.

    Raises:
      InputDataError: the file is missing, cut short or damaged; names the record (the first one is 0).
    """
    try:
        with open_to_read(path) as file:
            hashed = _Hashed(file)
            yield from records_in(hashed, path)
            if sha256 is not None and hashed.sha256 != sha256:
                raise InputDataError(f"{path}: is damaged, its checksum is not the manifest's")
    except OSError as error:
        raise InputDataError(f"{path}: can't be read: {error}") from error


class _Hashed:
    """A file that is read once, and the SHA-256 of what was read."""

    def __init__(self, file: BinaryIO):
        self._file, self._digest = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def records_in(file: BinaryIO, where: str) -> Iterator[bytes]:
    """The records of an open TFRecord file; `where` is named in errors.

    Raises:
      InputDataError: the file is cut short or damaged; names the record (the first one is 0).
    """
    number = 0
    while header := file.read(_HEADER_BYTES):
        yield _read_record(file, header, f"{where}: record {number}")
        number += 1


def masked_crc32c(data: bytes) -> int:
    """TFRecord's checksum of `data`."""
    checksum = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & _UINT32


def _framed(record: bytes) -> bytes:
    length = _LENGTH.pack(len(record))
    return b"".join((length, _checksum(length), record, _checksum(record)))


def _read_record(file: BinaryIO, header: bytes, where: str) -> bytes:
    length = header[: _LENGTH.size]
    if len(header) < _HEADER_BYTES or header[_LENGTH.size :] != _checksum(length):
        raise InputDataError(f"{where}: is damaged: its length does not fit the checksum")
    (size,) = _LENGTH.unpack(length)
    body = file.read(size + _CHECKSUM.size)
    if len(body) < size + _CHECKSUM.size or body[size:] != _checksum(body[:size]):
        raise InputDataError(f"{where}: is damaged: it is cut short or does not fit its checksum")
    return body[:size]


def _checksum(data: bytes) -> bytes:
    return _CHECKSUM.pack(masked_crc32c(data))
