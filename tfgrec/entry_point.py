"""What all commands have in common: how they end."""

import errno
import functools
import os
import re
import sys
from collections.abc import Callable, Sequence

from tfgrec.credentials import refuse_in_arguments
from tfgrec.errors import TfgrecError
from tfgrec.quiet import quieten_frameworks
from tfgrec.run.stage_log import StageFailed
from tfgrec.run.working_folder import told_by_url
from tfgrec.temporary_folder import own_temporary_folder
from tfgrec.told_damage import damage_in

USER_ERROR = 2
# What a disk says and its user can mend: read-only, no right, full, broken, a path that is none.
_TO_MEND = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}
INTERRUPTED = 130
# Of an op, TensorFlow names the op first.
_OP = re.compile(r"^\{\{[^}]*\}\}\s*")
_NO_FOLDER = re.compile(r"(?P<path>.+?) is not a directory")


def entry_point(main: Callable[[Sequence[str] | None], int | None]) -> Callable[..., int]:
    """Makes of `main(arguments)` a command that ends with an exit code.

    0 (or None) is success, 2 an error that the user can mend, of the disk too (its message alone is printed), 130 an
    interruption. Temporary files that it leaves go when it ends.
    """

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        quieten_frameworks()
        try:
            with own_temporary_folder():
                refuse_in_arguments(sys.argv[1:] if arguments is None else arguments)
                return main(arguments) or 0
        except TfgrecError as error:
            print(f"error: {told_by_url(str(error))}", file=sys.stderr)
            return USER_ERROR
        except StageFailed as failure:
            if failure.exit_code != USER_ERROR:
                print(f"error: {failure}", file=sys.stderr)
            return failure.exit_code
        except KeyboardInterrupt:
            print("\ninterrupted; run the same command again to go on", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            told = _told(error) if isinstance(error, OSError) else damage_in(error) or _told_by_tensorflow(error)
            if told is None:
                raise
            print(f"error: {told}", file=sys.stderr)
            return USER_ERROR

    return run


def _told(error: OSError) -> str | None:
    """What a disk has to say to its user; None for what is a mistake of ours."""
    # Beam puts one error into another.
    inner = error.args[0] if error.args and isinstance(error.args[0], OSError) else error
    if inner.errno not in _TO_MEND:
        return None
    return f"{inner.filename2 or inner.filename}: {inner.strerror}" if inner.filename else inner.strerror


def _told_by_tensorflow(error: Exception) -> str | None:
    """What a disk said to TensorFlow, whose errors carry it as text: `<path>: <what is wrong>`; None for the others."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    text = _OP.sub("", error.message)
    reasons = "|".join(re.escape(os.strerror(number)) for number in _TO_MEND)
    if found := re.match(rf"(?P<path>[^\n]+?); (?P<reason>{reasons})", text):
        return f"{found['path']}: {found['reason']}"
    if found := _NO_FOLDER.match(text):
        return f"{found['path']}: Not a directory"
    return None
