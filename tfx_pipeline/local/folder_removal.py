"""Removes folders below a root, and never anything else: what a link leads to is somebody else's."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfx.dsl.io import fileio

from tfgrec.errors import OutputError
from tfx_pipeline.local_copies import files_below


def why_not_removable(folder: str, root: str) -> str | None:
    """Why a folder may not be removed, or None if it may: it lies below `root`, and no part of its path is a link."""
    below = folder.removeprefix(f"{root}/")
    if below == folder or {"", ".", ".."} & set(below.split("/")):
        return f"{folder}: does not lie below {root}"
    if _is_local(folder) and os.path.realpath(folder) != folder:
        return f"{folder}: leads to {os.path.realpath(folder)}"
    return None


def remove_folder(folder: str, root: str) -> int:
    """Removes a folder with all that is in it, on any file system that TFX knows; one that is gone is none.

    Returns:
      How many bytes became free: those of files that have no second name elsewhere.

    Raises:
      OutputError: it is not one that may be removed, see `why_not_removable`, or the file system refuses.
    """
    refusal = why_not_removable(folder, root)
    if refusal is not None:
        raise OutputError(refusal)
    try:
        if not fileio.exists(folder):
            return 0
        return _remove_local(folder) if _is_local(folder) else _remove_elsewhere(folder)
    # Each file system has its own errors.
    except Exception as error:
        raise OutputError(f"{folder}: can't be removed: {error}") from error


def _is_local(folder: str) -> bool:
    return "://" not in folder


def _remove_local(folder: str) -> int:
    freed = sum(_bytes_of_its_own(path) for path in _local_files(folder))
    # Not fileio.rmtree: TensorFlow's empties the folders that links lead to.
    shutil.rmtree(folder)
    return freed


def _remove_elsewhere(folder: str) -> int:
    freed = sum(fileio.stat(path).length for path in files_below(folder))
    fileio.rmtree(folder)
    return freed


def _local_files(folder: str) -> Iterator[Path]:
    """Files in a folder and its folders, and links to files."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _bytes_of_its_own(path: Path) -> int:
    # Graph stores share files by hard links: only the last name of a file that goes frees its bytes.
    described = path.lstat()
    return described.st_size if described.st_nlink == 1 else 0
