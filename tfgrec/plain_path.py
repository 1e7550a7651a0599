"""Folders as TensorFlow can read them: it takes `*`, `?` and `[` in the path of a checkpoint for a pattern."""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

_OF_PATTERNS = frozenset("*?[]\\")


def plain_path(path: str | Path) -> str:
    """The path itself, or one by way of a link where it has characters that mean something in patterns.

    Links lie in a folder of their own among the temporary files, and are gone when the process ends.
    """
    absolute = os.path.abspath(path)
    return _linked(absolute, tempfile.gettempdir()) if _OF_PATTERNS & set(absolute) else str(path)


@functools.cache
def _linked(path: str, temporary: str) -> str:
    links = tempfile.mkdtemp(prefix="tfgrec-", dir=temporary)
    atexit.register(shutil.rmtree, links, ignore_errors=True)
    os.symlink(path, os.path.join(links, "folder"))
    return os.path.join(links, "folder")
