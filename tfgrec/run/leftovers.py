"""What commands that were killed leave half written in a folder of ours, under names that nothing else has."""

import os
import re
import shutil
from pathlib import Path

# The names that files get until they are whole: graph.store.files, Beam jobs, TensorBoard's files that are cut, and
# TensorFlow's checkpoints.
_UNFINISHED = re.compile(
    r"\..+\.[0-9a-f]{32}"
    r"|(graph|examples)\.(unfinished|replaced)-[0-9a-f]{8}"
    r"|audit\.unfinished|audit\.json\.unfinished-[0-9a-f]{8}"
    r"|\.events\.out\.tfevents\..+\.partial"
)
_OF_CHECKPOINTS = re.compile(r".+_temp|.+\.tempstate[0-9]+|checkpoint\.tmp[0-9a-f]{32}")
_PARTIAL_EXPORT = re.compile(r"\.partial-([0-9]+)")


def remove_leftovers(folder: Path) -> None:
    """Removes them; to be called by the one process that is at work in the folder. Links are not followed."""
    for parent, folders, files in os.walk(folder):
        within = "checkpoints" in Path(parent).relative_to(folder).parts
        for name in [*folders, *files]:
            if _is_unfinished(name, within_checkpoints=within):
                _remove(Path(parent, name))
        folders[:] = [name for name in folders if not _is_unfinished(name, within_checkpoints=within)]


def _is_unfinished(name: str, *, within_checkpoints: bool) -> bool:
    if within_checkpoints and _OF_CHECKPOINTS.fullmatch(name):
        return True
    export = _PARTIAL_EXPORT.fullmatch(name)
    # tfgrec-export and tfgrec-index write beside others.
    return not _is_running(int(export[1])) if export else bool(_UNFINISHED.fullmatch(name))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
