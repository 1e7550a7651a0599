"""Requests -> sampled GraphTensors in TFRecord files, in shards that are random mixes of users."""

import functools
from collections.abc import Iterable, Iterator, Mapping

import apache_beam as beam
import pyarrow as pa

from beam_jobs.records.request_batches import request_batches
from beam_jobs.records.request_rows import ITEM, REQUEST_SOURCE, USER, ReadRequests, sources_by_table
from beam_jobs.records.sampled_records import RecordSampler, counted_features
from beam_jobs.records.unknown_in_shards import with_unknown
from beam_jobs.running.arrow_shuffle import GroupSpilled, ShardKey, SpilledPiece, all_shards, column_arrays, concatenate
from beam_jobs.running.statistics import SAMPLING, STATISTICS, MergeStatistics
from beam_jobs.tables.bad_rows import BAD_ROWS
from beam_jobs.tables.dead_letters import WriteDeadLetters
from beam_jobs.tables.read_table import FACTS, ReadTable
from beam_jobs.tables.splits import TEST, TRAIN
from beam_jobs.tables.table_files import TableFiles
from beam_jobs.tfrecords.tfrecord_shards import write_records
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.files import join
from tfgrec.graph.sampling.sampling_statistics import SamplingStatistics
from tfgrec.graph.schema import READOUT, GraphSchema
from tfgrec.graph.statistics import StatisticsAccumulator
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.unknown_nodes import with_unknown_nodes


class WriteRecordShards(beam.PTransform):
    """Logs -> all shards of records, and dead letters; gives facts: rows, bad rows, shards, statistics.

    `split_folders` are the splits' folders below `output`, `work` is one for what the pipeline writes by the way.
    """

    def __init__(
        self,
        files: dict[str, TableFiles],
        config: RunConfig,
        tables: TablesConfig,
        schema: GraphSchema,
        graph_dir: str,
        output: str,
        split_folders: Mapping[str, str],
        work: str,
        letters: str,
    ) -> None:
        super().__init__()
        self._files, self._config, self._tables, self._schema = files, config, tables, schema
        self._graph_dir, self._output, self._work, self._letters = graph_dir, output, work, letters
        self._split_folders = dict(split_folders)

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        config, tables, readout = self._config, self._tables, self._schema.node_sets[READOUT].features
        candidates, bad_rows, facts = [root | all_shards(config.split.parts, config.sampling.output_shards)], [], []
        for table, sources in sources_by_table(tables).items():
            time = tables.tables[table].time
            read = root | f"read {table}" >> ReadTable(self._files[table], config.build, time=time, work=self._work)
            taken = read.batches | f"requests of {table}" >> beam.ParDo(
                ReadRequests(table, self._files[table].paths, sources, config, tables, readout, self._graph_dir)
            ).with_outputs(BAD_ROWS, FACTS, main="candidates")
            candidates.append(taken.candidates)
            bad_rows += [read.bad_rows, taken[BAD_ROWS]]
            facts += [read.facts, taken[FACTS]]
        write = WriteRecordShard(config, tables, self._schema, self._graph_dir, self._output, self._split_folders)
        written = (
            tuple(candidates)
            | "by shard" >> GroupSpilled(self._work)
            | "sample" >> beam.ParDo(write).with_outputs(STATISTICS, SAMPLING, main="facts")
        )
        of_features = functools.partial(StatisticsAccumulator, counted_features(self._schema))
        of_samples = functools.partial(SamplingStatistics, self._schema)
        statistics = [
            written[STATISTICS] | "statistics" >> MergeStatistics(STATISTICS, of_features),
            written[SAMPLING] | "sampling" >> MergeStatistics(SAMPLING, of_samples),
        ]
        paths = {table: files.paths for table, files in self._files.items()}
        letters = WriteDeadLetters(self._letters, paths, config.build.shards)
        kept = bad_rows | "all bad rows" >> beam.Flatten() | "dead letters" >> letters
        return [*facts, written.facts, *statistics, kept] | "facts" >> beam.Flatten()


class WriteRecordShard(beam.DoFn):
    """((split, shard), candidates) -> a TFRecord file; gives facts and statistics, those of features of what trains."""

    def __init__(
        self,
        config: RunConfig,
        tables: TablesConfig,
        schema: GraphSchema,
        graph_dir: str,
        output: str,
        split_folders: Mapping[str, str],
    ) -> None:
        self._config, self._tables, self._schema = config, tables, schema
        self._graph_dir, self._output, self._split_folders = graph_dir, output, split_folders

    def setup(self) -> None:
        self._store = GraphStore.open(self._graph_dir)

    def process(self, shard_candidates: tuple[ShardKey, Iterable[SpilledPiece]]) -> Iterator[dict]:
        (split, shard), parts = shard_candidates
        trains = split == TRAIN
        sampler = RecordSampler(self._store, self._config, self._tables, self._schema, with_statistics=trains)
        path = shard_path(self._split_folders[split], shard, self._config.sampling.output_shards)
        written = write_records(join(self._output, path), self._records(sampler, concatenate(parts)))
        yield {
            "kind": "shard",
            "split": split,
            "shard": {
                "path": path,
                "bytes": written.bytes,
                "sha256": written.sha256,
                "num_requests": sampler.num_requests,
                "num_candidates": sampler.num_candidates,
            },
        }
        if split != TEST:
            yield beam.pvalue.TaggedOutput(SAMPLING, sampler.sampling)
        if trains:
            yield beam.pvalue.TaggedOutput(STATISTICS, sampler.statistics)

    def _records(self, sampler: RecordSampler, candidates: pa.Table | None) -> Iterator[bytes]:
        if candidates is None:
            return
        requests = self._tables.requests
        columns, unknown = with_unknown(
            column_arrays(candidates), self._store, requests, user=USER, item=ITEM, source=REQUEST_SOURCE
        )
        users = with_unknown_nodes(self._store, unknown).node_index(requests.user_node_set)
        hashes = users.hashes(columns[USER].to_numpy())
        node_sets = [source.item_node_set for source in requests.sources]
        for batch in request_batches(columns, hashes, node_sets, self._config.sampling.requests_per_batch, unknown):
            yield from sampler.records(batch)


def shard_path(folder: str, shard: int, shards: int) -> str:
    """A shard's path below the job's output, in its split's folder."""
    return f"{folder}/part-{shard:05d}-of-{shards:05d}.tfrecord"
