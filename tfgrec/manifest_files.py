"""Files that a manifest lists with bytes and checksum: looked at without reading them, or read and compared."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tfgrec import files

# Hashing lets other threads run; a disk seldom keeps more of them busy.
_READ_AT_ONCE = 4


@dataclasses.dataclass(frozen=True)
class ManifestFile:
    """A file, and how long it was and which SHA-256 its bytes had when the manifest was written."""

    path: str
    bytes: int
    sha256: str

    @classmethod
    def at(cls, path: str, described: Mapping[str, Any]) -> "ManifestFile":
        """The file at `path` that a manifest describes by `bytes` and `sha256`."""
        return cls(path, described["bytes"], described["sha256"])

    def seen_damage(self, found: int | None = None) -> str | None:
        """What is wrong as far as can be seen without reading: the file is missing (-1) or has another length.

        Its length, if it is known, is `found`.
        """
        found = files.size(self.path) if found is None else found
        if found == self.bytes:
            return None
        return "is missing" if found < 0 else f"has {found} bytes, the manifest says {self.bytes}"

    def damage(self, *, again: bool = False) -> str | None:
        """What is wrong with the file, all of whose bytes are read.

        They are read once a process, as long as `tfgrec.files.identity` tells that the file has not been changed since;
        each time if `again`, which finds what a disk has lost without anybody's doing.
        """
        if (seen := self.seen_damage()) is not None:
            return seen
        known = None if again else files.identity(self.path)
        found = files.checksum(self.path) if known is None else _checksum_of(self.path, known)
        return None if found == self.sha256 else "is damaged, its checksum is not the manifest's"


def damaged(listed: Iterable[ManifestFile], *, again: bool = False) -> list[tuple[ManifestFile, str]]:
    """Of files those that are not as the manifest says, each with what is wrong; see `ManifestFile.damage`."""
    listed = list(listed)
    with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
        found = threads.map(lambda file: file.damage(again=again), listed)
        return [(file, told) for file, told in zip(listed, found, strict=True) if told is not None]


@functools.cache
def _checksum_of(path: str, identity: str) -> str:
    return files.checksum(path)
