"""The pipelines that write a graph store's shards, one after another: nodes, edges, derived edges."""

from collections.abc import Sequence

from beam_jobs.added_days.added_nodes import AddedNodes
from beam_jobs.added_days.earlier_store import EarlierStore
from beam_jobs.graph_shards.derived_shards import BuildDerivedShards, derived_edge_sets
from beam_jobs.graph_shards.edge_shards import BuildEdgeShards
from beam_jobs.graph_shards.node_shards import BuildNodeShards
from beam_jobs.graph_shards.where_counts import check_matches
from beam_jobs.running.facts import Fact
from beam_jobs.running.pipelines import run_pipeline
from beam_jobs.tables.build_plan import BuildPlan
from beam_jobs.tables.dead_letters import FOLDER, dead_letter_files
from beam_jobs.tables.row_counts import check_rows
from tfgrec import files
from tfgrec.config.sampling import BuildConfig
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.layout import EDGE_SHARD_FILES
from tfgrec.graph.store.store_writer import GraphStoreWriter


class StoreSteps:
    """Writes all shards of the store in `folder`.

    Args:
      plan: what is read.
      schema: what the graph holds.
      options: shards, rows a batch, how many rows may be bad.
      folder: the new store, which is unfinished.
      output: where it will be, which errors name and where dead letters are kept if it fails.
      earlier: the store that the rows are added to, if any.
      pipeline_args: options of any Beam runner.
    """

    def __init__(
        self,
        plan: BuildPlan,
        schema: GraphSchema,
        options: BuildConfig,
        folder: str,
        output: str,
        earlier: EarlierStore | None,
        pipeline_args: Sequence[str],
    ) -> None:
        self._plan, self._schema, self._options = plan, schema, options
        self._folder, self._output = folder, output
        self._earlier, self._pipeline_args = earlier, list(pipeline_args)
        self._work = files.join(folder, "work")
        self.writer = GraphStoreWriter(folder, schema, options.shards)

    def run(self) -> list[Fact]:
        """Runs them; returns what is to be told of all: entries of shards, counts of rows, statistics.

        Raises:
          InputDataError: too many rows are bad.
        """
        files.make_folder(self._work)
        earlier_nodes = self._earlier.nodes(self._folder, self._work) if self._earlier else None
        letters = files.join(self._work, FOLDER)
        of_nodes = self._run_nodes(letters, earlier_nodes)
        facts = self._run_edges(of_nodes, dead_letter_files(letters), earlier_nodes)
        if derived_edge_sets(self._plan.tables):
            job = BuildDerivedShards(self._plan.tables, self._schema, self.writer)
            facts += run_pipeline(job, files.join(self._work, "derived.json"), self._pipeline_args)
        files.delete(self._work)
        return facts

    def written(self) -> tuple[list[str], str, int]:
        """The folders and the suffix of the files that are written, and how many there will be."""
        tables = self._plan.tables
        folders = [files.join(self._folder, kind) for kind in ("nodes", "edges")]
        return (
            folders,
            ".arrow",
            self._options.shards * (len(tables.node_sets) + EDGE_SHARD_FILES * len(tables.edge_sets)),
        )

    def _run_nodes(self, letters: str, earlier: AddedNodes | None) -> list[Fact]:
        job = BuildNodeShards(self._plan, self._schema, self._options, self.writer, self._work, letters, earlier)
        facts = run_pipeline(job, files.join(self._work, "nodes.json"), self._pipeline_args)
        check_rows(facts, self._plan.node_files, self._options.max_bad_row_share, letters, self._output)
        return facts

    def _run_edges(self, of_nodes: list[Fact], node_letters: list[str], earlier: AddedNodes | None) -> list[Fact]:
        """Gives the facts of both steps; a table that feeds both is counted once."""
        plan, letters = self._plan, files.join(self._folder, FOLDER)
        earlier_edges = self._earlier.edges(earlier) if self._earlier else None
        job = BuildEdgeShards(
            plan, self._schema, self._options, self.writer, self._work, letters, node_letters, earlier_edges
        )
        facts = run_pipeline(job, files.join(self._work, "edges.json"), self._pipeline_args)
        facts += [fact for fact in of_nodes if fact.get("table") not in plan.edge_files and fact["kind"] != "bad_rows"]
        check_rows(facts, plan.files, self._options.max_bad_row_share, letters, self._output)
        if self._earlier is None:
            check_matches(facts)
        return facts
