"""The files of a folder, on any file system. On a local one a name is a name, whatever brackets or stars are in it."""

import os
from pathlib import Path

from apache_beam.io.filesystems import FileSystems


def is_local(path: str) -> bool:
    """Whether a path is one of the local file system."""
    return FileSystems.get_scheme(path) is None


def files_below(folder: str) -> list[str]:
    """The paths of all files below a folder; none where there is no such folder."""
    if is_local(folder):
        return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)
    listed = FileSystems.match([FileSystems.join(folder, "**")])[0].metadata_list
    # Some who write to object stores mark folders by empty objects with such names.
    return [metadata.path for metadata in listed if not metadata.path.endswith("/")]


def files_in(folder: str, suffix: str) -> list[str]:
    """The paths of the files right in a folder whose names end with `suffix`."""
    if is_local(folder):
        found = Path(folder).iterdir() if Path(folder).is_dir() else ()
        return sorted(str(path) for path in found if path.name.endswith(suffix))
    return [metadata.path for metadata in FileSystems.match([FileSystems.join(folder, f"*{suffix}")])[0].metadata_list]
