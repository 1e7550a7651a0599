"""The output folder of a job: built under another name, and put in its place when it is whole."""

import contextlib
import ctypes
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator

from beam_jobs.running.own_output import UNFINISHED, Kind, refuse_foreign
from tfgrec import files
from tfgrec.errors import OutputError, TfgrecError
from tfgrec.generations import new_generation, publish

# Of Linux's renameat2.
_FROM_WORKING_FOLDER, _EXCHANGE = -100, 2

# Beam turns what is raised on a worker into text.
_FULL_DISK = re.compile(rf"\[Errno ({errno.ENOSPC}|{errno.EDQUOT}|{errno.EFBIG})\]")


@contextlib.contextmanager
def unfinished_output(output: str, kind: Kind) -> Iterator[str]:
    """Yields a new folder; puts it in the place of `output` at the end, or removes it if the job fails.

    On a disk it lies beside `output`, on an object store it is a generation of it (see `tfgrec.generations`). A
    finished output of an earlier run, of the same kind, is replaced; a killed job leaves its folder, named
    `<output>.unfinished-*` or `<output>/generation-*`.

    Raises:
      InputDataError: `output` holds something else, see `refuse_foreign`, which is not overwritten.
      OutputError: the disk is full, or nothing may be written there.
    """
    refuse_foreign(output, kind)
    local = files.is_local(output)
    # A link stays, and what it leads to is replaced: it may be on a larger disk.
    place = os.path.realpath(output) if local else output
    folder = _beside(place, f"unfinished-{uuid.uuid4().hex[:8]}") if local else new_generation(output)
    try:
        files.make_folder(folder)
    except OutputError as error:
        raise OutputError(str(error).replace(folder, output, 1)) from error
    try:
        yield folder
    except BaseException as error:
        # What can't be removed is as what a killed job leaves; what went wrong before is to be told.
        with contextlib.suppress(TfgrecError, OSError):
            files.delete(folder)
        full = _FULL_DISK.search(str(error))
        if full and not isinstance(error, TfgrecError):
            raise OutputError(f"{output}: can't be written: {os.strerror(int(full[1]))}") from error
        raise
    _delete_leftovers(folder)
    if local:
        _put_in_place(folder, place)
    else:
        publish(output, folder)
    letters = _beside(output, "dead_letters")
    if not _holds_others_than_letters(letters):
        files.delete(letters)


def keep_dead_letters(folder: str, output: str) -> str:
    """Moves a folder of dead letters beside the output of a job that failed, so that they can be read; the new path."""
    kept = _beside(output, "dead_letters")
    if _holds_others_than_letters(kept):
        kept = f"{kept}-{uuid.uuid4().hex[:8]}"
    files.delete(kept)
    if files.is_local(kept):
        shutil.move(folder, kept)
    else:
        for path in files.files_below(folder):
            files.copy(path, kept + path[len(folder.rstrip("/")) :])
        files.delete(folder)
    return kept


def _beside(output: str, suffix: str) -> str:
    return f"{output.rstrip('/')}.{suffix}"


def _holds_others_than_letters(folder: str) -> bool:
    return any(not path.endswith(".jsonl") for path in files.files_below(folder))


def _delete_leftovers(folder: str) -> None:
    """Deletes what lost workers left half written: others have written it anew, under names of their own."""
    for path in files.files_below(folder):
        if UNFINISHED.fullmatch(path[len(folder) + 1 :]):
            files.delete(path)


def _put_in_place(folder: str, output: str) -> None:
    if not os.path.lexists(output):
        os.rename(folder, output)
    elif exchange(folder, output):
        files.delete(folder)
    else:
        replaced = _beside(output, f"replaced-{uuid.uuid4().hex[:8]}")
        os.rename(output, replaced)
        os.rename(folder, output)
        files.delete(replaced)


def exchange(one: str, other: str) -> bool:
    """Has two paths change places; whether that was done: not all systems and disks can, then both are as they were."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return rename(_FROM_WORKING_FOLDER, os.fsencode(one), _FROM_WORKING_FOLDER, os.fsencode(other), _EXCHANGE) == 0
