"""Two local folders change places at once: there is no moment at which one of the two names leads nowhere."""

import ctypes
import os

# Of Linux's renameat2.
_FROM_WORKING_FOLDER, _EXCHANGE = -100, 2


def exchange(one: str, other: str) -> bool:
    """Has two paths change places; whether that was done: not all systems and disks can, then both are as they were."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return rename(_FROM_WORKING_FOLDER, os.fsencode(one), _FROM_WORKING_FOLDER, os.fsencode(other), _EXCHANGE) == 0
