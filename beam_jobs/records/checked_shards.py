"""Shards of records through the leakage check; the counts of some of them, or of all, are made again."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from beam_jobs.records.leakage import Leak, LeakageCheck
from beam_jobs.records.recounted_records import RecordRecount
from beam_jobs.tfrecords.tfrecord_shards import read_records
from tfgrec import files
from tfgrec.config import TablesConfig
from tfgrec.errors import InputDataError
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

CHECKED = ".checked.json"
_RECORDS_PER_BATCH = 2_048
_EXAMPLES = 20
_RECOUNTED = "recounted"


@dataclasses.dataclass(frozen=True)
class Recounting:
    """The graph store that records were sampled from, and how many records are counted again: None for all of them."""

    graph_dir: str
    records: int | None

    def of_shards(self, shards: Sequence[Mapping[str, Any]]) -> list[int]:
        """How many of each shard (as a manifest tells of it): its part, rounded up."""
        total = max(sum(shard["num_requests"] for shard in shards), 1)
        share = 1.0 if self.records is None else min(self.records / total, 1.0)
        return [math.ceil(shard["num_requests"] * share) for shard in shards]


class CheckShards(beam.PTransform):
    """Checks all `shards` (as a manifest tells of them); gives a fact a shard: what was counted and found.

    Each fact is also a file in folder `work`, whose name ends in CHECKED: that is how far the job is. With `recounting`
    a shard's records are counted again at even distances: they lie in an order that tells nothing.
    """

    def __init__(
        self,
        shards: Sequence[Mapping[str, Any]],
        folder: str,
        schema: GraphSchema,
        tables: TablesConfig,
        delays: Mapping[str, int],
        work: str,
        recounting: Recounting | None = None,
    ) -> None:
        super().__init__()
        recounted = [0] * len(shards) if recounting is None else recounting.of_shards(shards)
        self._shards = [{**shard, _RECOUNTED: count} for shard, count in zip(shards, recounted, strict=True)]
        graph_dir = None if recounting is None else recounting.graph_dir
        self._check = _CheckShard(folder, schema, tables, delays, work, graph_dir)

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        return root | "shards" >> beam.Create(self._shards, reshuffle=True) | "check" >> beam.ParDo(self._check)


class _CheckShard(beam.DoFn):
    def __init__(
        self,
        folder: str,
        schema: GraphSchema,
        tables: TablesConfig,
        delays: Mapping[str, int],
        work: str,
        graph_dir: str | None,
    ) -> None:
        self._folder, self._work, self._graph_dir = folder, work, graph_dir
        self._schema, self._tables, self._delays = schema, tables, delays

    def setup(self) -> None:
        self._check = LeakageCheck(self._schema, self._tables, self._delays)
        self._recount = None
        if self._graph_dir is not None:
            store = GraphStore.open(self._graph_dir)
            self._recount = RecordRecount(store, self._schema, self._tables, self._delays)

    def process(self, shard: dict[str, Any]) -> Iterator[dict[str, Any]]:
        path = shard["path"]
        records = read_records(files.join(self._folder, path), sha256=shard["sha256"])
        fact = {
            "kind": "checked",
            "file": path,
            "records": 0,
            "edges": {},
            "events": {},
            "target_edges": {},
            "recounted": {"records": 0, "candidates": 0, "values": {}},
            "leaks": 0,
            "examples": [],
        }
        places = _even_places(shard["num_requests"], shard[_RECOUNTED])
        while batch := list(itertools.islice(records, _RECORDS_PER_BATCH)):
            within = places[(places >= fact["records"]) & (places < fact["records"] + len(batch))] - fact["records"]
            if len(within):
                self._add_recounted(fact, batch, within)
            self._add(fact, batch)
        if fact["records"] != shard["num_requests"]:
            raise InputDataError(f"{path}: has {fact['records']} records, the manifest says {shard['num_requests']}")
        files.write_json(files.join(self._work, path.replace("/", "-") + CHECKED), fact)
        yield fact

    def _add(self, fact: dict[str, Any], batch: list[bytes]) -> None:
        found = self._check.check(batch)
        _add_leaks(fact, found.leaks)
        fact["records"] += found.records
        for key in ("edges", "events", "target_edges"):
            counts = getattr(found, key)
            for name, count in counts.items():
                fact[key][name] = fact[key].get(name, 0) + count

    def _add_recounted(self, fact: dict[str, Any], batch: list[bytes], places: np.ndarray) -> None:
        recounted = self._recount.check([batch[place] for place in places])
        _add_leaks(fact, [dataclasses.replace(leak, record=int(places[leak.record])) for leak in recounted.leaks])
        told = fact["recounted"]
        told["records"] += recounted.records
        told["candidates"] += recounted.candidates
        for name, count in recounted.values.items():
            told["values"][name] = told["values"].get(name, 0) + count


def _add_leaks(fact: dict[str, Any], leaks: Sequence[Leak]) -> None:
    for leak in leaks[: max(_EXAMPLES - len(fact["examples"]), 0)]:
        example = {"file": fact["file"], "record": fact["records"] + leak.record, "problem": leak.problem}
        fact["examples"].append(example)
    fact["leaks"] += len(leaks)


def _even_places(total: int, count: int) -> np.ndarray:
    """`count` of the places below `total`, ascending, at even distances."""
    return (np.arange(count) * total + total // 2) // max(count, 1)
