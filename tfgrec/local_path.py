"""Paths in options of commands that work on this machine's disks alone."""

import argparse
from pathlib import Path

from tfgrec.files import is_local


def local_path(text: str) -> Path:
    """An option's path; made a folder called `s3:` of, a URL would be lost without a word.

    Raises:
      argparse.ArgumentTypeError: it is a URL.
    """
    if not is_local(text):
        raise argparse.ArgumentTypeError(f"{text}: has to be on a disk of this machine (docs/object_storage.md)")
    return Path(text)
