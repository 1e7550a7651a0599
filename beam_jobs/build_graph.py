"""Builds a graph store from tables: python -m beam_jobs.build_graph --config YAML --data DIR --output DIR."""

import sys
from collections.abc import Sequence
from typing import Any

from apache_beam.io.filesystems import FileSystems

from beam_jobs.graph_shards.build_plan import BuildPlan
from beam_jobs.graph_shards.derived_shards import BuildDerivedShards, derived_edge_sets
from beam_jobs.graph_shards.earlier_store import TABLES, EarlierStore, told_additions
from beam_jobs.graph_shards.edge_shards import BuildEdgeShards
from beam_jobs.graph_shards.feedback_delays import feedback_delays
from beam_jobs.graph_shards.inputs_taken_in import INPUTS, SOURCES, describe_inputs, describe_sources
from beam_jobs.graph_shards.node_shards import BuildNodeShards
from beam_jobs.running.command_line import job_parser, parse_job_args, read_configuration, shown_progress
from beam_jobs.running.facts import Fact, of_kind
from beam_jobs.running.outputs import delete, unfinished_output
from beam_jobs.running.pipelines import run_pipeline
from beam_jobs.running.shard_progress import OnProgress, watch_files
from beam_jobs.running.statistics import STATISTICS
from beam_jobs.tables.dead_letters import FOLDER, dead_letter_files
from beam_jobs.tables.row_counts import check_rows, count_rows
from tfgrec.commands.entry_point import entry_point
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.data.tables_check import check_tables
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.files import refuse_scheme
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.layout import EDGE_SHARD_FILES
from tfgrec.graph.store.store_writer import GraphStoreWriter


def build_graph(
    *,
    config: RunConfig,
    tables: TablesConfig,
    schema: GraphSchema,
    data_dir: str,
    output_dir: str,
    add_to: str | None = None,
    pipeline_args: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Builds the graph store of a data set in `output_dir`.

    One pipeline writes the node shards; a second one looks ids up in them and writes the edge shards; a third one
    derives edges from these, where tables.yaml asks for any; the manifest comes last. All of it happens in a folder
    beside `output_dir`, which takes its place when it is whole.

    With `add_to`, only files that this earlier store has not taken in are read, and merged with it: of logs split by
    files, the store is the same as if it were built from all of them at once.

    Args:
      config: the run's configuration, of which `build` counts.
      tables: which files and columns feed the graph.
      schema: what the graph holds.
      data_dir: where the tables' paths begin.
      output_dir: the store's folder; a finished store there is replaced.
      add_to: an earlier store of the same data set, which may be the one in `output_dir`.
      pipeline_args: options of any Beam runner.
      on_progress: called with the number of finished files and of all files.

    Returns:
      The store's manifest; `extra.tables` counts the rows and the bad rows of each table, `extra.inputs` lists its
      files.

    Raises:
      InputDataError: a table is missing, damaged or empty, too many of its rows are bad, or a file can't be added.
      SchemaError: `tables` does not fit `schema`, or the earlier store was built with others.
      GraphStoreError: `output_dir` has a scheme (a graph store is memory-mapped), or there is no whole earlier store.
    """
    check_tables(schema, tables, f"{config.schema_dir}/tables.yaml")
    refuse_scheme(output_dir)
    earlier = EarlierStore.open(str(add_to), tables, schema, str(data_dir)) if add_to is not None else None
    if earlier is not None:
        config = config.model_copy(update={"build": config.build.model_copy(update={"shards": earlier.shards})})
    if earlier is not None and not earlier.new_files.files:
        with unfinished_output(str(output_dir)) as folder:
            earlier.copy_to(folder)
        return GraphStore.open(output_dir).manifest
    plan = BuildPlan.make(tables, schema, str(data_dir), chosen=earlier.new_files.files if earlier else None)
    with unfinished_output(str(output_dir)) as folder, watch_files(*_files(folder, plan, config), on_progress):
        writer = GraphStoreWriter(folder, schema, config.build.shards)
        facts = _write_shards(plan, schema, config, writer, folder, str(output_dir), list(pipeline_args), earlier)
        entries = [fact["entry"] for fact in of_kind(facts, "shard")]
        inputs = describe_inputs(facts, plan.files, tables)
        extra = {TABLES: count_rows(facts, plan.files), INPUTS: inputs, SOURCES: describe_sources(tables)}
        extra = extra if earlier is None else earlier.add_letters(folder, extra)
        writer.finish(entries, of_kind(facts, STATISTICS)[0]["values"], feedback_delays(tables), extra)
    return GraphStore.open(output_dir).manifest


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = job_parser("beam_jobs.build_graph", "Builds a graph store from tables.")
    parser.add_argument("--data", required=True, metavar="DIR", help="where the paths in tables.yaml begin")
    parser.add_argument("--output", required=True, metavar="DIR", help="the graph store's folder")
    parser.add_argument("--add-to", metavar="DIR", help="an earlier store, to which what is new in --data is added")
    args, pipeline_args = parse_job_args(parser, argv)
    earlier = GraphStore.open(args.add_to).manifest if args.add_to else None
    config, tables, schema = read_configuration(args)
    with shown_progress("build graph") as on_progress:
        manifest = build_graph(
            config=config,
            tables=tables,
            schema=schema,
            data_dir=args.data,
            output_dir=args.output,
            add_to=args.add_to,
            pipeline_args=pipeline_args,
            on_progress=on_progress,
        )
    for name, described in (manifest["node_sets"] | manifest["edge_sets"]).items():
        print(f"{name}: {described['count']:,}")
    if earlier is not None:
        print(told_additions(manifest, earlier, (args.add_to, args.data)))
    print(f"{args.output}: graph store")


def _write_shards(
    plan: BuildPlan,
    schema: GraphSchema,
    config: RunConfig,
    writer: GraphStoreWriter,
    folder: str,
    output: str,
    pipeline_args: list[str],
    earlier: EarlierStore | None,
) -> list[Fact]:
    """Runs the pipelines: nodes, edges, derived edges; returns what is to be told of all."""
    work = FileSystems.join(folder, "work")
    FileSystems.mkdirs(work)
    max_share = config.build.max_bad_row_share

    node_letters = FileSystems.join(work, FOLDER)
    earlier_nodes = earlier.nodes(folder, work) if earlier else None
    nodes = BuildNodeShards(plan, schema, config.build, writer, work, node_letters, earlier_nodes)
    node_facts = run_pipeline(nodes, FileSystems.join(work, "nodes.json"), pipeline_args)
    check_rows(node_facts, plan.node_files, max_share, node_letters, output)

    letters = FileSystems.join(folder, FOLDER)
    left = dead_letter_files(node_letters)
    earlier_edges = earlier.edges(earlier_nodes) if earlier else None
    edges = BuildEdgeShards(plan, schema, config.build, writer, work, letters, left, earlier_edges)
    facts = run_pipeline(edges, FileSystems.join(work, "edges.json"), pipeline_args)
    facts += [fact for fact in node_facts if fact.get("table") not in plan.edge_files and fact["kind"] != "bad_rows"]
    check_rows(facts, plan.files, max_share, letters, output)
    if derived_edge_sets(plan.tables):
        derived = BuildDerivedShards(plan.tables, schema, writer)
        facts += run_pipeline(derived, FileSystems.join(work, "derived.json"), pipeline_args)
    delete(work)
    return facts


def _files(folder: str, plan: BuildPlan, config: RunConfig) -> tuple[list[str], int]:
    """Patterns of the files of a store, and how many there will be."""
    patterns = [FileSystems.join(folder, kind, "*", "*.arrow") for kind in ("nodes", "edges")]
    sets = len(plan.tables.node_sets) + EDGE_SHARD_FILES * len(plan.tables.edge_sets)
    return patterns, config.build.shards * sets


if __name__ == "__main__":
    sys.exit(main())
