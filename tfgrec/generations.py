"""Outputs of jobs on object stores, where no folder can be renamed: each is a generation, and a small file names which.

    s3://bucket/graph/current.json              {"generation": "generation-1f0c6a2e"}
    s3://bucket/graph/generation-1f0c6a2e/...   as the output lies on a local disk, manifest.json included

The pointer is written last and replaced in one request: readers see the earlier output or the new one, whole. Jobs that
write to one place at the same time write generations of their own, and the last pointer counts.
"""

import re
import uuid
from collections.abc import Callable
from typing import TypeVar

from tfgrec import files
from tfgrec.errors import InputDataError, TfgrecError

Opened = TypeVar("Opened")

POINTER = "current.json"
_KEY = "generation"
_MANIFEST = "manifest.json"
_NAME = re.compile(r"generation-[0-9a-f]{8}")


def whole_folder(output: files.StrPath) -> str:
    """Where the files of an output lie: of one on an object store, its current generation, if it has any.

    Raises:
      InputDataError: the pointer can't be read.
    """
    path = str(output)
    if files.is_local(path):
        return path
    name = current_generation(path)
    return path if name is None else files.join(path, name)


def open_current(output: files.StrPath, open_folder: Callable[[str], Opened]) -> Opened:
    """What `open_folder` makes of the folder of an output; a newer one is tried where that one was replaced meanwhile.

    Raises:
      InputDataError: the pointer can't be read.
    """
    folder = whole_folder(output)
    while True:
        try:
            return open_folder(folder)
        except TfgrecError:
            replaced, folder = folder, whole_folder(output)
            if folder == replaced:
                raise


def current_generation(output: str) -> str | None:
    """The name of an output's current generation; None where it has none.

    Raises:
      InputDataError: the pointer can't be read.
    """
    pointer = files.join(output, POINTER)
    if files.size(pointer) < 0:
        return None
    values = files.read_json(pointer)
    name = values.get(_KEY) if isinstance(values, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputDataError(f"{pointer}: expected {{'{_KEY}': 'generation-...'}}, received {values!r}")
    return name


def new_generation(output: str) -> str:
    """A folder for a generation that nobody else writes to."""
    return files.join(output, f"generation-{uuid.uuid4().hex[:8]}")


def publish(output: str, generation: str) -> None:
    """Makes a whole generation the current one; the one that it takes the place of is deleted.

    Others are left: they may be those of jobs that still write.
    """
    earlier = whole_folder(output)
    files.write_json(files.join(output, POINTER), {_KEY: files.split(generation)[1]})
    if earlier != output and earlier != generation:
        files.delete(earlier)


def lay_flat(output: str) -> None:
    """Moves an output's generation to where it would lie on a disk, for readers that know of no generations (TFX's).

    Its manifest comes last.
    """
    generation = whole_folder(output)
    if generation == output:
        return
    names = [path[len(generation) + 1 :] for path in files.files_below(generation)]
    for name in sorted(names, key=lambda name: name == _MANIFEST):
        files.copy(files.join(generation, name), files.join(output, name))
    files.delete(files.join(output, POINTER))
    files.delete(generation)


def is_generation(name: str) -> bool:
    """Whether a folder's name is that of a generation."""
    return _NAME.fullmatch(name) is not None
