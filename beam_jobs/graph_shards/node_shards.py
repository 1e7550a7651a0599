"""Node shards of a graph store: nodes brought together by id, duplicates told of, features counted."""

import functools
from collections.abc import Iterable, Iterator, Mapping

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa

from beam_jobs.added_days.added_nodes import AddedNodes
from beam_jobs.graph_shards.node_sets import ReadNodes
from beam_jobs.running.arrow_shuffle import GroupSpilled, ShardKey, SpilledPiece, all_shards, column_arrays, concatenate
from beam_jobs.running.statistics import STATISTICS, MergeStatistics
from beam_jobs.tables.bad_rows import BAD_ROWS, DUPLICATES, BadRow, of_rows, tagged
from beam_jobs.tables.build_plan import BuildPlan
from beam_jobs.tables.dead_letters import WriteDeadLetters
from beam_jobs.tables.read_table import ReadTable
from beam_jobs.tables.table_batches import FILE, ROW
from tfgrec.config.sampling import BuildConfig
from tfgrec.config.tables import NodeSetSource, as_column
from tfgrec.graph.rows.node_rows import DUPLICATE_ID
from tfgrec.graph.schema import ID, GraphSchema, NodeSet
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys
from tfgrec.graph.store.columns import arrow_type
from tfgrec.graph.store.store_writer import GraphStoreWriter


class BuildNodeShards(beam.PTransform):
    """Tables -> all node shards, and dead letters in `letters`; gives facts: rows, bad rows, entries, statistics.

    `work` is a folder for what the pipeline writes by the way; `earlier` is the store, if any, that rows are added to.
    """

    def __init__(
        self,
        plan: BuildPlan,
        schema: GraphSchema,
        options: BuildConfig,
        writer: GraphStoreWriter,
        work: str,
        letters: str,
        earlier: AddedNodes | None = None,
    ) -> None:
        super().__init__()
        self._plan, self._schema, self._options = plan, schema, options
        self._writer, self._work, self._letters, self._earlier = writer, work, letters, earlier

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        options, sources = self._options, self._plan.tables.node_sets
        nodes, bad_rows, facts = [root | all_shards(sources, options.shards)], [], []
        for table, of_table in self._plan.node_sets.items():
            read = root | f"read {table}" >> ReadTable(
                self._plan.node_files[table], options, time=None, work=self._work
            )
            taken = read.batches | f"nodes of {table}" >> beam.ParDo(
                ReadNodes(table, self._plan.paths[table], of_table, self._schema, self._writer)
            ).with_outputs(BAD_ROWS, main="nodes")
            nodes.append(taken.nodes)
            bad_rows += [read.bad_rows, taken[BAD_ROWS]]
            facts.append(read.facts)
        written = (
            tuple(nodes)
            | "by shard" >> GroupSpilled(self._work)
            | "write shards"
            >> beam.ParDo(WriteNodeShard(sources, self._schema, self._writer, self._earlier)).with_outputs(
                BAD_ROWS, STATISTICS, main="entries"
            )
        )
        of_features = functools.partial(StatisticsAccumulator, node_features(self._schema))
        facts += [written.entries, written[STATISTICS] | MergeStatistics(STATISTICS, of_features)]
        bad_rows.append(written[BAD_ROWS])
        letters = WriteDeadLetters(self._letters, self._plan.paths, options.shards)
        facts.append(bad_rows | "all bad rows" >> beam.Flatten() | "dead letters" >> letters)
        return facts | "facts" >> beam.Flatten()


class WriteNodeShard(beam.DoFn):
    """((node set, shard), nodes) -> a node shard; gives the shard's entry, bad rows and statistics.

    The first row that names an id wins, by file and position; where there are features, the others are bad rows. It
    takes the place of a node of the `earlier` store.
    """

    def __init__(
        self,
        sources: Mapping[str, NodeSetSource],
        schema: GraphSchema,
        writer: GraphStoreWriter,
        earlier: AddedNodes | None,
    ) -> None:
        self._sources, self._schema, self._writer, self._earlier = sources, schema, writer, earlier

    def process(self, shard_nodes: tuple[ShardKey, Iterable[SpilledPiece]]) -> Iterator[dict]:
        (name, shard), parts = shard_nodes
        columns = _columns(concatenate(parts), self._schema.node_sets[name])
        ids = _ids(columns[ID])
        first = _first_rows(ids, columns)
        if self._sources[name].features:
            yield from tagged(self._sources[name].table, _duplicates(columns, first, self._sources[name]))
        rows = {key: column.take(pa.array(first)) for key, column in columns.items() if key not in (FILE, ROW)}
        nodes = rows if self._earlier is None else self._earlier.merge(name, shard, rows)
        features = {key: column for key, column in nodes.items() if key != ID}
        entry = self._writer.write_node_shard(name, shard, _ids(nodes[ID]), features)
        if self._earlier is not None:
            self._earlier.note_changes(name, shard, rows[ID])
        yield beam.pvalue.TaggedOutput(STATISTICS, self._statistics(name, shard))
        yield {"kind": "shard", "entry": entry}

    def _statistics(self, name: str, shard: int) -> StatisticsAccumulator:
        """Counted on what was written: sums of floats depend on the order, and only there it is always the same."""
        written = self._writer.read_node_shard(name, shard)
        statistics = StatisticsAccumulator(node_features(self._schema))
        statistics.add(name, written, row_keys(_ids(written[ID])))
        return statistics


def node_features(schema: GraphSchema) -> dict[str, dict]:
    """The features of all stored node sets, as StatisticsAccumulator takes them."""
    return {name: nodes.features for name, nodes in schema.stored_node_sets.items()}


def _columns(nodes: pa.Table | None, node_set: NodeSet) -> dict[str, pa.Array]:
    if nodes is None:
        return {name: pa.array([], arrow_type(feature)) for name, feature in node_set.features.items()}
    return column_arrays(nodes)


def _first_rows(ids: np.ndarray, columns: Mapping[str, pa.Array]) -> np.ndarray:
    """Positions of the first row of each distinct id."""
    codes = pd.factorize(ids)[0]
    places = [columns[name].to_numpy() for name in (ROW, FILE) if name in columns]
    order = np.lexsort((*places, codes))
    return order[np.append(True, np.diff(codes[order]) != 0)] if len(order) else order


def _duplicates(columns: Mapping[str, pa.Array], first: np.ndarray, source: NodeSetSource) -> list[BadRow]:
    """The rows that are not the first of their id, with what was read of them by the names of their columns."""
    others = np.setdiff1d(np.arange(len(columns[ID])), first)
    if len(others) == 0:
        return []
    names = {ID: source.id, **source.features}
    values = {as_column(column).column: columns[name].take(pa.array(others)) for name, column in names.items()}
    values |= {name: columns[name].take(pa.array(others)) for name in (FILE, ROW)}
    rows = pa.RecordBatch.from_arrays(list(values.values()), names=list(values))
    reason = f"{as_column(source.id).column}: {DUPLICATE_ID}"
    return of_rows(rows, [reason] * len(others), DUPLICATES)


def _ids(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False)
