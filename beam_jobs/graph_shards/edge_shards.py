"""Edge shards of a graph store: edges brought together by the shard of their source."""

from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow as pa

from beam_jobs.added_days.added_edges import AddedEdges
from beam_jobs.graph_shards.edge_sets import ReadEdges
from beam_jobs.graph_shards.rows_set_aside import RowsSetAside
from beam_jobs.running.arrow_shuffle import GroupSpilled, ShardKey, SpilledPiece, all_shards, column_arrays, concatenate
from beam_jobs.tables.bad_rows import BAD_ROWS, BadRow
from beam_jobs.tables.build_plan import BuildPlan
from beam_jobs.tables.dead_letters import WriteDeadLetters, read_dead_letters
from beam_jobs.tables.read_table import FACTS, ReadTable
from tfgrec.config.sampling import BuildConfig
from tfgrec.graph.rows.edge_rows import ROW_TIME
from tfgrec.graph.rows.node_rows import DUPLICATE_ID
from tfgrec.graph.schema import SOURCE, TARGET, TIME, EdgeSet, GraphSchema
from tfgrec.graph.store.columns import arrow_type
from tfgrec.graph.store.store_writer import GraphStoreWriter


class BuildEdgeShards(beam.PTransform):
    """Tables -> all edge shards but derived ones, and dead letters in `letters`; gives facts: rows, bad rows, entries.

    `work` is a folder for what the pipeline writes by the way; `earlier` is the store, if any, that edges are added to.
    `earlier_letters` are files of bad rows that the node sets left: told again among this pipeline's, each row once.
    """

    def __init__(
        self,
        plan: BuildPlan,
        schema: GraphSchema,
        options: BuildConfig,
        writer: GraphStoreWriter,
        work: str,
        letters: str,
        earlier_letters: list[str],
        earlier: AddedEdges | None = None,
    ) -> None:
        super().__init__()
        self._plan, self._schema, self._options = plan, schema, options
        self._writer, self._work = writer, work
        self._letters, self._earlier_letters, self._earlier = letters, earlier_letters, earlier

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        options = self._options
        earlier = root | "earlier letters" >> beam.Create(self._earlier_letters)
        bad_rows = [earlier | "earlier bad rows" >> beam.Map(read_dead_letters, self._plan.paths)]
        duplicates = bad_rows[0] | "duplicates" >> beam.FlatMap(_duplicates) | "of all" >> beam.combiners.ToList()
        set_aside = beam.pvalue.AsSingleton(duplicates | "set aside" >> beam.Map(RowsSetAside))
        from_tables = [name for name, of in self._plan.tables.edge_sets.items() if of.derived is None]
        edges, facts = [root | all_shards(from_tables, options.shards)], []
        for table, of_table in self._plan.edges.items():
            files, time = self._plan.edge_files[table], self._plan.tables.tables[table].time
            read = root | f"read {table}" >> ReadTable(files, options, time=time, work=self._work)
            taken = read.batches | f"edges of {table}" >> beam.ParDo(
                ReadEdges(table, files.paths, of_table, self._schema, self._writer), set_aside
            ).with_outputs(BAD_ROWS, FACTS, main="edges")
            edges.append(taken.edges)
            bad_rows += [read.bad_rows, taken[BAD_ROWS]]
            facts += [read.facts, taken[FACTS]]
        entries = (
            tuple(edges)
            | "by shard" >> GroupSpilled(self._work)
            | "write shards" >> beam.ParDo(WriteEdgeShard(self._schema, self._writer, self._earlier))
        )
        letters = WriteDeadLetters(self._letters, self._plan.paths, options.shards)
        kept = bad_rows | "all bad rows" >> beam.Flatten() | "dead letters" >> letters
        return [*facts, entries, kept] | "facts" >> beam.Flatten()


class WriteEdgeShard(beam.DoFn):
    """((edge set, shard), edges) -> an edge shard, with the edges of the `earlier` store; gives its entry."""

    def __init__(self, schema: GraphSchema, writer: GraphStoreWriter, earlier: AddedEdges | None) -> None:
        self._schema, self._writer, self._earlier = schema, writer, earlier

    def process(self, shard_edges: tuple[ShardKey, Iterable[SpilledPiece]]) -> Iterator[dict]:
        (name, shard), parts = shard_edges
        columns = _columns(concatenate(parts), self._schema.edge_sets[name])
        if self._earlier is not None:
            columns = self._earlier.merge(name, shard, columns)
        sources, targets = columns.pop(SOURCE).to_numpy(), columns.pop(TARGET).to_numpy()
        times = columns.pop(ROW_TIME).to_numpy() if ROW_TIME in columns else None
        entry = self._writer.write_edge_shard(name, shard, sources, targets, times, columns)
        yield {"kind": "shard", "entry": entry}


def _duplicates(of_table: tuple[str, list[BadRow]]) -> Iterator[tuple[str, int, int]]:
    """(table, file, row) of the rows that name an id once more: their edges are left out too."""
    table, bad_rows = of_table
    for bad in bad_rows:
        if bad.reason.endswith(DUPLICATE_ID):
            yield table, bad.file, bad.row


def _columns(edges: pa.Table | None, edge_set: EdgeSet) -> dict[str, pa.Array]:
    if edges is not None:
        return column_arrays(edges)
    features = {
        ROW_TIME if name == TIME else name: pa.array([], arrow_type(feature))
        for name, feature in edge_set.features.items()
    }
    return {SOURCE: pa.array([], pa.int64()), TARGET: pa.array([], pa.int64()), **features}
