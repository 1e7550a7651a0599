"""Runs at URLs: each has a folder on this machine for its small files, named by the URL, and its data stay there.

s3://bucket/runs/first          the run: graph, records, and a copy of all that is small
~/.cache/tfgrec/runs/s3/bucket/runs/first    its working folder
"""

import os
import re
from pathlib import Path

from tfgrec.errors import ConfigurationError
from tfgrec.file_systems import MAKERS, SEPARATOR, place_of
from tfgrec.files import StrPath, is_local
from tfgrec.user_cache import user_cache

FOLDER_VARIABLE = "TFGREC_RUNS_DIR"


def local_folder(run: StrPath) -> Path:
    """The folder that a run's small files are read from and written to: the run itself, if it lies on a disk.

    Raises:
      ConfigurationError: the URL is none that can be used.
    """
    if is_local(run):
        return Path(run)
    url = os.fspath(run)
    place_of(url)
    scheme, _, rest = url.partition(SEPARATOR)
    names = rest.rstrip("/").split("/")
    if {"", ".", ".."} & set(names):
        raise ConfigurationError(f"{url}: has a name that is empty or of dots, which no folder has")
    return _runs_folder() / scheme / Path(*names)


def url_of(path: Path) -> str | None:
    """The URL of what a working folder, or something in it, stands for; None for all other paths."""
    try:
        scheme, *names = Path(os.path.abspath(path)).relative_to(_runs_folder()).parts
    except ValueError:
        return None
    return f"{scheme}{SEPARATOR}{'/'.join(names)}" if names and scheme in MAKERS else None


def told_by_url(text: str) -> str:
    """A message with the URLs in the places of working folders."""
    schemes = "|".join(MAKERS)
    return re.sub(rf"{re.escape(str(_runs_folder()))}/({schemes})/", rf"\1{SEPARATOR}", text)


def _runs_folder() -> Path:
    """By TFGREC_RUNS_DIR, or among the user's caches."""
    return Path(os.path.realpath(os.environ.get(FOLDER_VARIABLE) or user_cache("runs")))
