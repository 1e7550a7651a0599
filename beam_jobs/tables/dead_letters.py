"""Bad rows kept aside in `dead_letters/<table>-*.jsonl`: one a line with table, file, position, reason, values."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from beam_jobs.running.facts import Fact
from beam_jobs.tables.bad_rows import READING, BadRow
from tfgrec.files import files_in, join, open_to_read, write_atomically

FOLDER = "dead_letters"
_EXAMPLES = 3

Files = dict[str, tuple[str, ...]]


class WriteDeadLetters(beam.PTransform):
    """Writes (table, bad rows) to files, each row once, sorted by file and position.

    `files` are the paths of each table's files; `shards` is the most files written for one table. Gives facts of
    kind "bad_rows": table, number of rows by reason, and the first examples.
    """

    def __init__(self, folder: str, files: Files, shards: int) -> None:
        super().__init__()
        self._folder, self._files, self._shards = folder, files, shards

    def expand(self, bad_rows: beam.PCollection) -> beam.PCollection:
        return (
            bad_rows
            | "bad rows by shard" >> beam.FlatMap(_by_shard, self._shards)
            | "group bad rows" >> beam.GroupByKey()
            | "write bad rows" >> beam.Map(_write, self._folder, self._files, self._shards)
        )


def read_dead_letters(path: str, files: Files) -> tuple[str, list[BadRow]]:
    """One file that an earlier pipeline of the same job wrote, as (table, bad rows)."""
    with open_to_read(path) as file:
        letters = [json.loads(line) for line in file.read().splitlines()]
    table = letters[0]["table"]
    numbers = {path: number for number, path in enumerate(files[table])}
    return table, [
        BadRow(numbers[letter["file"]], letter["row"], READING, letter["reason"], json.dumps(letter["values"]))
        for letter in letters
    ]


def dead_letter_files(folder: str) -> list[str]:
    """The files that `WriteDeadLetters` wrote into a folder."""
    return files_in(folder, ".jsonl")


def write_lines(path: str, lines: Iterable[bytes]) -> None:
    """Writes a file of dead letters, one a line."""
    write_atomically(path, lambda file: file.write(b"".join(line + b"\n" for line in lines)))


def _by_shard(of_table: tuple[str, list[BadRow]], shards: int) -> Iterator[tuple[tuple[str, int], list[BadRow]]]:
    table, bad_rows = of_table
    for shard in range(shards):
        chosen = [bad for bad in bad_rows if bad.row % shards == shard]
        if chosen:
            yield (table, shard), chosen


def _write(grouped: tuple[tuple[str, int], Iterable[list[BadRow]]], folder: str, files: Files, shards: int) -> Fact:
    (table, shard), parts = grouped
    first: dict[tuple[int, int], BadRow] = {}
    for bad in sorted(bad for part in parts for bad in part):
        first.setdefault((bad.file, bad.row), bad)
    letters = [_letter(table, files[table][bad.file], bad) for bad in first.values()]
    path = join(folder, f"{table}-{shard:05d}-of-{shards:05d}.jsonl")
    write_lines(path, [json.dumps(letter).encode("utf-8") for letter in letters])
    reasons = Counter(bad.reason for bad in first.values())
    return {"kind": "bad_rows", "table": table, "reasons": reasons, "examples": letters[:_EXAMPLES]}


def _letter(table: str, path: str, bad: BadRow) -> dict[str, Any]:
    values = json.loads(bad.values)
    return {"table": table, "file": path, "row": bad.row, "reason": bad.reason, "values": values}
