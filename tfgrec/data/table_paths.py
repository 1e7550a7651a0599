"""Which files a table's `path` in tables.yaml means: one answer for the jobs, on any file system, and tfgrec-train."""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tfgrec import files
from tfgrec.errors import InputDataError

_WILDCARD = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]")
_SETS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_NOT_DATA = ("_", ".")


class TablePath:
    """A path below the data folder, or a glob: `*`, `?` and `[abc]` stay within a name, `**` crosses folders.

    Files and folders whose names begin with `_` or `.` (`_SUCCESS`, `_temporary`, `.part-0.crc`) are no data, unless
    the path names them so. A file or folder that has the very name that the path gives it is meant by that name, even
    if there are wildcards in it: `users[1].csv`.

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
        return not self._is_hidden(relative_path) and self._expression.fullmatch(relative_path) is not None

    def find(self, data: Path) -> list[Path]:
        """The files below a local folder, sorted by name; each once, though several links may lead to it.

        Raises:
          InputDataError: a folder can't be listed, or a link where there may be files leads nowhere.
        """
        if (data / self._path).is_file():
            return [data / self._path]
        if not self.has_wildcards:
            return []
        given = _given_names(data, self._path)
        if given:
            below = TablePath(self._path[len(given) + 1 :])
            return below.find(data / given) if below.has_wildcards else []
        found = [path for path in self._walk(data) if self.matches(path.relative_to(data).as_posix())]
        return sorted(_each_once(data, found))

    def find_far(self, root: str) -> dict[str, files.FoundFile]:
        """The files below a folder of an object store by their paths below it, sorted.

        Raises:
          InputDataError: the folder can't be listed.
        """
        root = f"{root.rstrip('/')}/"
        named = files.far_file(f"{root}{self._path}")
        if named is not None or not self.has_wildcards:
            return {} if named is None else {self._path: named}
        below = files.files_below(f"{root}{self.folder}")
        found = {path[len(root) :]: file for path, file in below.items()}
        return {name: file for name, file in found.items() if self.matches(name)}

    def _walk(self, data: Path) -> Iterator[Path]:
        """All files in folders that may hold the table's, through links too, but not round in a circle."""
        begin = data / self.folder
        if not begin.is_dir():
            return
        above = {os.fspath(begin): (os.path.realpath(begin),)}
        for folder, folders, names in os.walk(begin, onerror=_refuse, followlinks=True):
            path, ancestors = Path(folder), above.pop(folder)
            kept = []
            for name in folders:
                real, relative = os.path.realpath(path / name), (path / name).relative_to(data).as_posix()
                if self._may_lead(relative) and real not in ancestors:
                    above[os.path.join(folder, name)] = (*ancestors, real)
                    kept.append(name)
            folders[:] = kept
            for name in names:
                relative = (path / name).relative_to(data).as_posix()
                if (path / name).is_file():
                    yield path / name
                elif (path / name).is_symlink() and (self.matches(relative) or self._may_lead(relative)):
                    raise InputDataError(f"{path / name}: is a link to {os.readlink(path / name)}, which is not there")

    def _may_lead(self, folder: str) -> bool:
        """Whether a folder, named by its path below the data folder, may hold files of the table."""
        if self._is_hidden(folder):
            return False
        parts, names = self._path.split("/"), folder.split("/")
        for part, name in zip(parts, names, strict=False):
            if "**" in part or part.count("[") != part.count("]"):
                return True
            if not _expression_of(part).fullmatch(name):
                return False
        return len(names) < len(parts)

    def _is_hidden(self, relative_path: str) -> bool:
        named = tuple(name[0] for name in self._path.split("/") if name.startswith(_NOT_DATA))
        return any(name.startswith(_NOT_DATA) and not name.startswith(named) for name in relative_path.split("/"))


def _given_names(data: Path, path: str) -> str:
    """The folders that a path begins with and that have these very names, up to the last that looks like a glob."""
    *folders, _ = path.split("/")
    given, folder = "", ""
    for name in folders:
        folder = f"{folder}/{name}".lstrip("/")
        if not (data / folder).is_dir():
            break
        given = folder if _WILDCARD.search(name) else given
    return given


def _each_once(data: Path, paths: list[Path]) -> list[Path]:
    """One path to each file: that without a link below the data folder, or else the first by name."""
    best: dict[str, Path] = {}
    root = os.path.realpath(data)
    for path in sorted(paths):
        real = os.path.realpath(path)
        if real not in best or os.path.join(root, path.relative_to(data)) == real:
            best[real] = path
    return list(best.values())


def _refuse(error: OSError) -> None:
    raise InputDataError(f"{error.filename}: can't be listed: {error.strerror}") from error


@functools.cache
def _expression_of(path: str) -> re.Pattern:
    return re.compile(_expression(path))


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
