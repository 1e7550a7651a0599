"""The output folder of a job: built beside its place under another name, and moved there when it is whole."""

import contextlib
import ctypes
import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from beam_jobs.running.listed_files import files_below, is_local
from beam_jobs.running.own_output import MANIFEST, Kind, refuse_foreign
from tfgrec.errors import OutputError, TfgrecError

# Of Linux's renameat2.
_FROM_WORKING_FOLDER, _EXCHANGE = -100, 2

_UNFINISHED = ".unfinished-"
# Beam turns what is raised on a worker into text.
_FULL_DISK = re.compile(rf"\[Errno ({errno.ENOSPC}|{errno.EDQUOT}|{errno.EFBIG})\]")


@contextlib.contextmanager
def unfinished_output(output: str, kind: Kind) -> Iterator[str]:
    """Yields a new folder beside `output`; moves it there at the end, or removes it if the job fails.

    A finished output of an earlier run, of the same kind, is replaced; a killed job leaves a folder named
    `<output>.unfinished-*`.

    Raises:
      InputDataError: `output` holds something else, see `refuse_foreign`, which is not overwritten.
      OutputError: the disk is full, or nothing may be written there.
    """
    refuse_foreign(output, kind)
    folder = _beside(output, f"unfinished-{uuid.uuid4().hex[:8]}")
    try:
        FileSystems.mkdirs(folder)
    except (BeamIOError, OSError) as error:
        raise OutputError(f"{output}: can't be written: {error}") from error
    try:
        yield folder
    except BaseException as error:
        delete(folder)
        full = _FULL_DISK.search(str(error))
        if full and not isinstance(error, TfgrecError):
            raise OutputError(f"{output}: can't be written: {os.strerror(int(full[1]))}") from error
        raise
    _delete_leftovers(folder)
    _put_in_place(folder, output)


def keep_dead_letters(folder: str, output: str) -> str:
    """Moves a folder of dead letters beside the output of a job that failed, so that they can be read; the new path."""
    kept = _beside(output, "dead_letters")
    if _holds_others_than_letters(kept):
        kept = f"{kept}-{uuid.uuid4().hex[:8]}"
    delete(kept)
    if FileSystems.get_scheme(kept) is not None:
        _move_files(folder, kept)
    else:
        FileSystems.rename([folder], [kept])
    return kept


def write_output_json(path: str, values: Any) -> None:
    """Writes plain values to a file that has its name only once it is whole."""
    unfinished = _beside(path, f"unfinished-{uuid.uuid4().hex[:8]}")
    with FileSystems.create(unfinished, "application/json") as file:
        file.write(json.dumps(values, indent=1).encode("utf-8"))
    if not is_local(path):
        # Elsewhere than here, files are not renamed over others.
        delete(path)
    FileSystems.rename([unfinished], [path])


def delete(path: str) -> None:
    """Deletes a file or a folder with all that is in it, if there is one."""
    if is_local(path):
        # Beam's own deletes all that a path with brackets or stars in it matches.
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)
    elif FileSystems.exists(path):
        FileSystems.delete([path])
    else:
        # A folder of an object store is no more than the names of its files.
        FileSystems.delete(files_below(path))


def _beside(output: str, suffix: str) -> str:
    return f"{output.rstrip('/')}.{suffix}"


def _holds_others_than_letters(folder: str) -> bool:
    return any(not path.endswith(".jsonl") for path in files_below(folder))


def _delete_leftovers(folder: str) -> None:
    """Deletes what lost workers left half written: others have written it anew, under names of their own."""
    for path in files_below(folder):
        if _UNFINISHED in path[len(folder) :]:
            delete(path)


def _put_in_place(folder: str, output: str) -> None:
    if FileSystems.get_scheme(output) is not None:
        _move_files(folder, output)
        return
    if not os.path.lexists(output):
        FileSystems.rename([folder], [output])
    elif exchange(folder, output):
        delete(folder)
    else:
        replaced = _beside(output, f"replaced-{uuid.uuid4().hex[:8]}")
        FileSystems.rename([output], [replaced])
        FileSystems.rename([folder], [output])
        delete(replaced)
    letters = _beside(output, "dead_letters")
    if not _holds_others_than_letters(letters):
        delete(letters)


def _move_files(folder: str, output: str) -> None:
    """For object stores, which can't rename folders: file by file, the manifest gone first and back last."""
    delete(FileSystems.join(output, MANIFEST))
    delete(output)
    paths = files_below(folder)
    paths.sort(key=lambda path: FileSystems.split(path)[1] == MANIFEST)
    FileSystems.rename(paths, [output.rstrip("/") + path[len(folder.rstrip("/")) :] for path in paths])


def exchange(one: str, other: str) -> bool:
    """Has two paths change places; whether that was done: not all systems and disks can, then both are as they were."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return rename(_FROM_WORKING_FOLDER, os.fsencode(one), _FROM_WORKING_FOLDER, os.fsencode(other), _EXCHANGE) == 0
