"""What the sampling job wrote: files of requests by split, and the manifest that makes them complete."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfgrec import files
from tfgrec.data.record_files import RecordFiles
from tfgrec.errors import InputDataError
from tfgrec.generations import open_current, whole_folder
from tfgrec.graph.edge_numbers import edge_numbers
from tfgrec.graph.schema import READOUT, GraphSchema
from tfgrec.graph.store.layout import is_intact
from tfgrec.manifest_files import ManifestFile, damaged

MANIFEST = "manifest.json"
_ANEW = "sample again with beam_jobs.sample_subgraphs, or run the same tfgrec command again"


@dataclasses.dataclass(frozen=True)
class Split:
    """The files of one split, in their order, and how many requests and candidates they hold."""

    records: RecordFiles
    num_requests: int
    num_candidates: int

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files; who reads `records` reads none that is damaged."""
        return tuple(self.records)


@dataclasses.dataclass(frozen=True)
class ExamplesDirectory:
    """A complete examples directory.

    Attributes:
      schema: what each record holds, labels included.
      splits: by name, `train`, `validation` and, where there is one, `test`.
      statistics: of the features of all node sets in the graph; of the `_readout` features and of the numbers of edges
        and histories (see `edge_numbers`) over the training split.
      sizes: of requests in all splits, see `tfgrec.graph.sampling.sampling_statistics`.
    """

    schema: GraphSchema
    splits: Mapping[str, Split]
    statistics: Mapping[str, Any]
    sizes: Mapping[str, Any]

    @classmethod
    def open(cls, path: files.StrPath) -> "ExamplesDirectory":
        """Opens a directory, perhaps at a URL, by its manifest, and looks at all files that this one lists; reads none.

        What is not listed is no part of it. Each file is compared with its checksum when its records are first read.

        Raises:
          InputDataError: the sampling did not finish, the manifest is damaged, or a file is missing or cut short; names
            it.
        """
        return open_current(path, cls._open)

    @classmethod
    def _open(cls, folder: str) -> "ExamplesDirectory":
        manifest = read_manifest(folder)
        # Of an object store, one listing tells what would take a request a file.
        listed = None if files.is_local(folder) else files.files_below(folder)
        splits = {name: _open_split(folder, values, listed) for name, values in manifest["splits"].items()}
        schema = GraphSchema.from_json(manifest["schema"])
        return cls(schema, splits, manifest["statistics"], manifest.get("sizes", {}))

    def verify(self) -> None:
        """Reads all files and compares them with their checksums.

        Raises:
          InputDataError: names the damaged files.
        """
        listed = [file for split in self.splits.values() for file in split.records.listed]
        found = "; ".join(f"{file.path}: {told}" for file, told in damaged(listed, again=True))
        if found:
            raise InputDataError(f"{found}: {_ANEW}")

    def check_statistics(self) -> None:
        """Refuses records of a time when the graph's statistics were in the graph store alone, or edges had none.

        Raises:
          InputDataError: names a set without statistics.
        """
        for name in [*self.schema.stored_node_sets, READOUT]:
            if name not in self.statistics:
                raise InputDataError(f"examples: {MANIFEST} has no statistics of node set '{name}': {_ANEW}")
        for name, numbers in edge_numbers(self.schema).items():
            if name not in self.statistics:
                what = f"{', '.join(map(repr, numbers))} of '{name}'"
                raise InputDataError(
                    f"examples: {MANIFEST} has no statistics of {what}, without which large numbers would all read "
                    f"the same: {_ANEW}"
                )

    def split(self, name: str) -> Split:
        """A split that has requests.

        Raises:
          InputDataError: it has none.
        """
        split = self.splits.get(name)
        if split is None or split.num_requests == 0:
            raise InputDataError(f"examples: split '{name}' has no requests: look at split.{name} in the configuration")
        return split


def parse_manifest(text: bytes, where: str) -> dict[str, Any]:
    """The manifest of an examples directory; `where` is named in errors.

    Raises:
      InputDataError: it is cut short or damaged.
    """
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise InputDataError(f"{where}: is not JSON: {error}: {_ANEW}") from error
    if not isinstance(manifest, dict) or not is_intact(manifest):
        raise InputDataError(f"{where}: is damaged: {_ANEW}")
    return manifest


def read_manifest(path: files.StrPath) -> dict[str, Any]:
    file = files.join(whole_folder(path), MANIFEST)
    try:
        with files.open_to_read(file) as opened:
            return parse_manifest(opened.read(), file)
    except FileNotFoundError:
        raise InputDataError(f"{file}: is missing: sampling did not finish, or never began") from None
    except OSError as error:
        raise InputDataError(f"{file}: can't be read: {error}") from error


def _open_split(folder: str, values: Mapping[str, Any], found: Mapping[str, files.FoundFile] | None) -> Split:
    listed = [ManifestFile.at(files.join(folder, shard["path"]), shard) for shard in values["shards"]]
    for file in listed:
        size = None if found is None else found[file.path].bytes if file.path in found else -1
        if (damage := file.seen_damage(size)) is not None:
            raise InputDataError(f"{file.path}: {damage}: {_ANEW}")
    return Split(RecordFiles(listed), values["num_requests"], values["num_candidates"])
