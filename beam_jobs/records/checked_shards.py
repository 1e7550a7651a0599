"""Shards of records through the leakage check."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from beam_jobs.records.leakage import LeakageCheck
from beam_jobs.records.tfrecord_shards import read_records
from beam_jobs.running.outputs import write_json
from tfgrec.config import TablesConfig
from tfgrec.errors import InputDataError
from tfgrec.graph.schema import GraphSchema

CHECKED = ".checked.json"
_RECORDS_PER_BATCH = 2_048
_EXAMPLES = 20


class CheckShards(beam.PTransform):
    """Checks all `shards` (as a manifest tells of them); gives a fact a shard: what was counted and found.

    Each fact is also a file in folder `work`, whose name ends in CHECKED: that is how far the job is.
    """

    def __init__(
        self,
        shards: Sequence[Mapping[str, Any]],
        folder: str,
        schema: GraphSchema,
        tables: TablesConfig,
        delays: Mapping[str, int],
        work: str,
    ) -> None:
        super().__init__()
        self._shards, self._check = list(shards), _CheckShard(folder, schema, tables, delays, work)

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        return root | "shards" >> beam.Create(self._shards, reshuffle=True) | "check" >> beam.ParDo(self._check)


class _CheckShard(beam.DoFn):
    def __init__(
        self, folder: str, schema: GraphSchema, tables: TablesConfig, delays: Mapping[str, int], work: str
    ) -> None:
        self._folder, self._work = folder, work
        self._schema, self._tables, self._delays = schema, tables, delays

    def setup(self) -> None:
        self._check = LeakageCheck(self._schema, self._tables, self._delays)

    def process(self, shard: dict[str, Any]) -> Iterator[dict[str, Any]]:
        path = shard["path"]
        records = read_records(FileSystems.join(self._folder, path))
        fact = {
            "kind": "checked",
            "file": path,
            "records": 0,
            "edges": {},
            "events": {},
            "target_edges": {},
            "leaks": 0,
            "examples": [],
        }
        while batch := list(itertools.islice(records, _RECORDS_PER_BATCH)):
            self._add(fact, batch)
        if fact["records"] != shard["num_requests"]:
            raise InputDataError(f"{path}: has {fact['records']} records, the manifest says {shard['num_requests']}")
        write_json(FileSystems.join(self._work, path.replace("/", "-") + CHECKED), fact)
        yield fact

    def _add(self, fact: dict[str, Any], batch: list[bytes]) -> None:
        found = self._check.check(batch)
        for leak in found.leaks[: max(_EXAMPLES - len(fact["examples"]), 0)]:
            example = {"file": fact["file"], "record": fact["records"] + leak.record, "problem": leak.problem}
            fact["examples"].append(example)
        fact["leaks"] += len(found.leaks)
        fact["records"] += found.records
        for key in ("edges", "events", "target_edges"):
            counts = getattr(found, key)
            for name, count in counts.items():
                fact[key][name] = fact[key].get(name, 0) + count
