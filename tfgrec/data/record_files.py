"""The files of a split's records, each compared with the manifest when it is first read."""

from collections.abc import Iterator, Sequence

from tfgrec.errors import InputDataError
from tfgrec.manifest_files import ManifestFile

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
