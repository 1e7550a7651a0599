"""Dead letters and counts of a store to which a day is added: the earlier ones, and those of the day."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from beam_jobs.added_days.inputs_taken_in import Inputs
from beam_jobs.tables.dead_letters import dead_letter_files, write_lines
from tfgrec import files

RowCounts = dict[str, dict[str, Any]]


class EarlierLetters:
    """The dead letters in a folder, of the files that are not read again.

    `inputs` are the files that the store was built from, `changed` those of them, by table, that are read again.
    """

    def __init__(self, folder: str, inputs: Inputs, changed: Mapping[str, frozenset[str]]) -> None:
        self._inputs, self._changed = inputs, changed
        self._dropped: dict[str, Counter] = {table: Counter() for table in inputs}
        self._lines = {files.split(path)[1]: list(self._read(path)) for path in dead_letter_files(folder)}

    def merge_into(self, folder: str) -> None:
        """Writes them among the letters in `folder`, by file and row, as if all had been found at once."""
        for name, lines in self._lines.items():
            if lines:
                path = files.join(folder, name)
                every = sorted([*lines, *(_lines(path) if files.exists(path) else ())], key=_place)
                write_lines(path, every)

    def merge_counts(self, earlier: RowCounts, counted: RowCounts) -> RowCounts:
        """`{table: {"rows": n, "bad_rows": n, "reasons": {reason: n}}}` of all files."""
        merged = {}
        for table, before in earlier.items():
            now = counted.get(table, {"rows": 0, "reasons": {}})
            read_again = sum(file["rows"] for file in self._inputs[table] if file["path"] in self._files_again(table))
            reasons = Counter(before["reasons"]) - self._dropped[table] + Counter(now["reasons"])
            merged[table] = {
                "rows": before["rows"] - read_again + now["rows"],
                "bad_rows": sum(reasons.values()),
                "reasons": dict(sorted(reasons.items())),
            }
        return merged

    def merge_inputs(self, read: Inputs) -> Inputs:
        """All files that are in the store now."""
        return {
            table: sorted(
                [file for file in taken_in if file["path"] not in self._files_again(table)] + read.get(table, []),
                key=lambda file: file["path"],
            )
            for table, taken_in in self._inputs.items()
        }

    def _files_again(self, table: str) -> frozenset[str]:
        return self._changed.get(table, frozenset())

    def _read(self, path: str) -> Iterator[bytes]:
        for line in _lines(path):
            letter = json.loads(line)
            table = letter["table"]
            if _input_of(letter["file"], self._inputs[table]) in self._files_again(table):
                self._dropped[table][letter["reason"]] += 1
            else:
                yield line


def _input_of(path: str, inputs: Iterable[Mapping[str, Any]]) -> str:
    """Which of a table's inputs a path ends in: the data folder may have been elsewhere then."""
    return max((of["path"] for of in inputs if f"/{path}".endswith(f"/{of['path']}")), key=len, default="")


def _lines(path: str) -> list[bytes]:
    with files.open_to_read(path) as file:
        return file.read().splitlines()


def _place(line: bytes) -> tuple[str, int]:
    letter = json.loads(line)
    return letter["file"], letter["row"]
