"""Requests to compare: some records of a run, always the same ones, under names by which they are found again."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfgrec.close_match import suggestion
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.parsed_records import read_records
from tfgrec.data.record_files import RecordFiles
from tfgrec.errors import ConfigurationError


@dataclasses.dataclass(frozen=True)
class LoggedRequest:
    """A request as it was written down.

    Attributes:
      name: the file, and which record of it, from 0.
      example: the serialized tf.Example.
      scores: what was answered, float32 `[num_candidates]` by output; None where nobody was asked.
      model: the name and version that answered, as `name/version`; "" where nobody was asked.
    """

    name: str
    example: bytes
    scores: Mapping[str, np.ndarray] | None = None
    model: str = ""


def chosen_records(
    directory: ExamplesDirectory, *, splits: Sequence[str] | None = None, count: int | None = None, seed: int = 0
) -> Iterator[LoggedRequest]:
    """Some requests of an examples directory, in the order of its files.

    Args:
      directory: what the sampling job wrote.
      splits: which splits; None: all.
      count: how many requests, drawn without replacement; None, or more than there are: all.
      seed: says which; equal directories and seeds give equal requests.

    Raises:
      ConfigurationError: there is no such split.
      InputDataError: a split that was named has no requests.
    """
    for name in splits or ():
        if name not in directory.splits:
            raise ConfigurationError(f"--split {name}: is unknown: {suggestion(name, directory.splits)}")
    chosen_splits = {name: directory.split(name) for name in splits or _not_empty(directory)}
    total = sum(split.num_requests for split in chosen_splits.values())
    chosen = range(total) if count is None or count >= total else _draw(total, count, seed)
    remaining, number = iter(chosen), 0
    wanted = next(remaining, None)
    for name, split in chosen_splits.items():
        for file in split.records.listed:
            for place, record in enumerate(read_records(RecordFiles([file])).as_numpy_iterator()):
                if wanted is None:
                    return
                if number == wanted:
                    yield LoggedRequest(f"{name}/{Path(file.path).name}, record {place}", record)
                    wanted = next(remaining, None)
                number += 1


def _not_empty(directory: ExamplesDirectory) -> list[str]:
    return [name for name, split in directory.splits.items() if split.num_requests]


def _draw(total: int, count: int, seed: int) -> list[int]:
    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False)).tolist()
