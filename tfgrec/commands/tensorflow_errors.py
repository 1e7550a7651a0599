"""What a disk said to TensorFlow, whose errors carry it as text."""

import os
import re
import sys
from collections.abc import Collection

# Of an op, TensorFlow names the op first.
_OP = re.compile(r"^\{\{[^}]*\}\}\s*")
_NO_FOLDER = re.compile(r"(?P<path>.+?) is not a directory")


def told_by_disk(error: Exception, numbers: Collection[int]) -> str | None:
    """`<path>: <what is wrong>` if the error is TensorFlow's and says one of these numbers of errno; else None."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    text = _OP.sub("", error.message)
    reasons = "|".join(re.escape(os.strerror(number)) for number in numbers)
    if found := re.match(rf"(?P<path>[^\n]+?); (?P<reason>{reasons})", text):
        return f"{found['path']}: {found['reason']}"
    if found := _NO_FOLDER.match(text):
        return f"{found['path']}: Not a directory"
    return None
