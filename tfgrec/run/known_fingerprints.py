"""Fingerprints of files that have been read before, by what tells that they have not been changed since."""

from pathlib import Path

from tfgrec.errors import InputDataError
from tfgrec.files import identity, read_json, write_json
from tfgrec.run.fingerprint import fingerprint_file

# Beside the records of stages.
KNOWN_TABLES, KNOWN_PREDICTIONS = "known_tables.json", "known_predictions.json"


class KnownFingerprints:
    """Fingerprints that are kept in a file, so that one file's bytes are read once and not at each start.

    Args:
      path: where they are kept (JSON); what is damaged there counts as not known.
      again: whether files are read that are known.
    """

    def __init__(self, path: Path, *, again: bool = False):
        self._path = path
        self._kept = {} if again else _read(path)
        self._used: dict[str, list[str]] = {}
        self._too_new: dict[Path, str] = {}

    def of_file(self, path: Path) -> str:
        """What `fingerprint_file` tells of a file."""
        name, found = str(path.resolve()), identity(path)
        known = self._used.get(name) or self._kept.get(name)
        if found is not None and known is not None and known[0] == found:
            fingerprint = known[1]
        else:
            # What is changed while it is read has another identity from then on.
            fingerprint = fingerprint_file(path)
        if found is None:
            self._too_new[path] = fingerprint
        else:
            self._used[name] = [found, fingerprint]
        return fingerprint

    def save(self) -> None:
        """Keeps those that were asked for, and no others.

        What had been changed only just before it was read is read once more: it can be told by now.
        """
        for path, fingerprint in self._too_new.items():
            found = identity(path)
            if found is not None and fingerprint_file(path) == fingerprint:
                self._used[str(path.resolve())] = [found, fingerprint]
        if not self._path.exists() or self._used != _read(self._path):
            write_json(self._path, self._used)


def _read(path: Path) -> dict[str, list[str]]:
    try:
        kept = read_json(path)
    except InputDataError:
        return {}
    return kept if isinstance(kept, dict) and all(_is_entry(entry) for entry in kept.values()) else {}


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
