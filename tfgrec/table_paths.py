"""Which files a table's `path` in tables.yaml means: one answer for the jobs, on any file system, and tfgrec-train."""

import os
import re
from pathlib import Path

_WILDCARD = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]")
_SETS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_NOT_DATA = ("_", ".")


class TablePath:
    """A path below the data folder, or a glob: `*`, `?` and `[abc]` stay within a name, `**` crosses folders.

    Files and folders whose names begin with `_` or `.` (`_SUCCESS`, `_temporary`, `.part-0.crc`) are no data, unless
    the path names them so.

    Attributes:
      folder: the part before the first name that has a wildcard; "" where that is the first.
      has_wildcards: whether it is a glob.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        match = _WILDCARD.search(path)
        self.has_wildcards = match is not None
        self.folder = (path[: match.start()] if match else path).rpartition("/")[0]
        self._expression = re.compile(_expression(path))

    def matches(self, relative_path: str) -> bool:
        """Whether a file, named by its path below the data folder, belongs to the table."""
        if not self.has_wildcards:
            return relative_path == self._path
        named = tuple(name[0] for name in self._path.split("/") if name.startswith(_NOT_DATA))
        hidden = any(name.startswith(_NOT_DATA) and not name.startswith(named) for name in relative_path.split("/"))
        return not hidden and self._expression.fullmatch(relative_path) is not None

    def find(self, data: Path) -> list[Path]:
        """The files below a local folder, sorted by name."""
        if not self.has_wildcards:
            return [data / self._path] if (data / self._path).is_file() else []
        found = (Path(folder, name) for folder, _, names in os.walk(data / self.folder) for name in names)
        return sorted(path for path in found if self.matches(path.relative_to(data).as_posix()))


def _expression(path: str) -> str:
    """The glob as a regular expression."""
    parts, position = [], 0
    for match in _WILDCARD.finditer(path):
        wildcard = match.group()
        parts += [re.escape(path[position : match.start()]), _SETS.get(wildcard) or _character_set(wildcard)]
        position = match.end()
    return "".join([*parts, re.escape(path[position:])])


def _character_set(wildcard: str) -> str:
    """[abc], [a-z] or [!abc] as a set of a regular expression."""
    content = re.sub(r"([\\^\[])", r"\\\1", wildcard[1:-1])
    return f"[^/{content[1:]}]" if content.startswith("!") else f"[{content}]"
