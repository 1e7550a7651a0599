"""Written records as plain Python values."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from beam_jobs.tfrecords.tfrecord_shards import read_records


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One candidate of one request, with its labels and features."""

    user: int
    time: int
    item: int | str
    values: dict[str, Any]


def decode(records: Sequence[bytes]) -> list[dict[str, list]]:
    """Feature name -> values, a dictionary a record."""
    rows = ExamplesToRecordBatchDecoder().DecodeBatch(list(records)).to_pylist()
    return [{name: value or [] for name, value in row.items()} for row in rows]


def candidates_of(record: dict[str, list]) -> list[Candidate]:
    """The candidates of a record of the small app, in order."""
    user = record["nodes/user.#id"][record["edges/_readout/user.#source"][0]]
    items = {}
    for edge_set, node_set in (("_readout/item", "video"), ("_readout/item_room", "room")):
        sources, targets = record[f"edges/{edge_set}.#source"], record[f"edges/{edge_set}.#target"]
        for source, target in zip(sources, targets, strict=True):
            item = record[f"nodes/{node_set}.#id"][source]
            items[target] = item.decode() if isinstance(item, bytes) else item
    prefix = "nodes/_readout."
    names = [name.removeprefix(prefix) for name in record if name.startswith(prefix) and "#" not in name]
    return [
        Candidate(user, record["context/time"][0], item, {name: record[prefix + name][number] for name in names})
        for number, item in sorted(items.items())
    ]


def read_split(folder: Path, split: str) -> list[list[dict[str, list]]]:
    """All records of a split, shard by shard."""
    return [
        decode(records) if (records := list(read_records(str(path)))) else []
        for path in sorted((folder / split).glob("*.tfrecord"))
    ]


def as_frame(candidates: Sequence[Candidate]) -> pd.DataFrame:
    """Candidates as rows."""
    return pd.DataFrame([{"user": of.user, "time": of.time, "item": of.item, **of.values} for of in candidates])
