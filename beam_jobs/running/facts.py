"""What a pipeline found out (counts, entries of shards, statistics), brought home as one JSON file.

Works on every runner: the job that started the pipeline reads the file once the pipeline is done.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import apache_beam as beam

from tfgrec import files

Fact = dict[str, Any]


class WriteFacts(beam.PTransform):
    """Writes all facts (few, plain values with a "kind") to a file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def expand(self, facts: beam.PCollection) -> beam.PCollection:
        return facts | beam.combiners.ToList() | beam.Map(_write, self._path)


def read_facts(path: str) -> list[Fact]:
    """What `WriteFacts` wrote."""
    return files.read_json(path)


def of_kind(facts: Iterable[Fact], kind: str) -> list[Fact]:
    """The facts of one kind."""
    return [fact for fact in facts if fact["kind"] == kind]


def total(facts: Iterable[Fact], kind: str, key: str) -> Counter:
    """The sum of "count" by the value of `key`, over the facts of one kind."""
    counts: Counter = Counter()
    for fact in of_kind(facts, kind):
        counts[fact[key]] += fact["count"]
    return counts


def _write(facts: list[Fact], path: str) -> None:
    files.write_json(path, facts)
