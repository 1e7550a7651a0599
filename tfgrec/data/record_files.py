"""The files of a split's records, each compared with the manifest when it is first read."""

import contextlib
from collections.abc import Iterator, Sequence

from tfgrec.errors import InputDataError
from tfgrec.files import is_local
from tfgrec.manifest_files import ManifestFile
from tfgrec.shard_cache import ShardCache

MAKE_AGAIN = "run the command that made it again with --verify: what is damaged is made anew"


class RecordFiles:
    """Paths of record files, in their order, which `tfgrec.data.parsed_records.read_records` reads.

    TFRecord's own checksums are of single records: that one is missing at the end of a file, that records stand in
    another order, or that a whole file is another one, they can't tell.
    """

    def __init__(self, listed: Sequence[ManifestFile]):
        self._listed = {file.path: file for file in listed}

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    @property
    def are_local(self) -> bool:
        """Whether all of them lie on disks that this machine reads as its own."""
        return all(map(is_local, self))

    @contextlib.contextmanager
    def leased(self, path: str) -> Iterator[str]:
        """The path of a local copy of a file at a URL, which this machine's cache keeps for as long as the block runs.

        Raises:
          InputDataError: it is missing, or is not what the manifest says.
          OutputError: there is no room for it.
        """
        file = self._listed[path]
        try:
            with ShardCache.of_host().leased(path, bytes=file.bytes, sha256=file.sha256) as local:
                yield local
        except InputDataError as error:
            raise InputDataError(f"{error}: {MAKE_AGAIN}") from error

    def check(self, path: str) -> None:
        """Reads one of the files and compares it with the manifest; once a process, as long as it is not changed.

        Raises:
          InputDataError: it is missing, cut short or damaged.
        """
        if (damage := self._listed[path].damage()) is not None:
            raise InputDataError(f"{path}: {damage}: {MAKE_AGAIN}")

    @property
    def listed(self) -> tuple[ManifestFile, ...]:
        """The files with what the manifest says of them."""
        return tuple(self._listed.values())
