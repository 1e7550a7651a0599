"""Builds a graph store from tables: python -m beam_jobs.build_graph --config YAML --data DIR --output DIR."""

import sys
from collections.abc import Sequence
from typing import Any

from beam_jobs.added_days.earlier_store import TABLES, EarlierStore, told_additions
from beam_jobs.added_days.inputs_taken_in import INPUTS, SOURCES, describe_inputs, describe_sources
from beam_jobs.graph_shards.feedback_delays import feedback_delays
from beam_jobs.graph_shards.store_steps import StoreSteps
from beam_jobs.running.command_line import job_parser, parse_job_args, read_configuration, shown_progress
from beam_jobs.running.facts import Fact, of_kind
from beam_jobs.running.outputs import unfinished_output
from beam_jobs.running.shard_progress import OnProgress, watch_files
from beam_jobs.running.statistics import STATISTICS
from beam_jobs.tables.build_plan import BuildPlan, shard_count
from beam_jobs.tables.row_counts import count_rows
from tfgrec import files
from tfgrec.checks.tables_check import check_tables
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError
from tfgrec.graph.log.event_log import LOG, POSITION, EventLog
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.store_writer import GraphStoreWriter

# Where a store that is being built keeps the events of a log meanwhile.
_EVENTS = "events_taken_in"


def build_graph(
    *,
    config: RunConfig,
    tables: TablesConfig,
    schema: GraphSchema,
    data_dir: str,
    output_dir: str,
    add_to: str | EarlierStore | None = None,
    log: str | None = None,
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
      add_to: an earlier store of the same data set, which may be the one in `output_dir`; or one that was opened for
        these tables and this schema.
      log: with `add_to`, the log of events beside that store: what it holds beyond the store is added too. Once the new
        store is in its place the log is cut: files whose events it has taken in are removed.
      pipeline_args: options of any Beam runner.
      on_progress: called with the number of finished files and of all files.

    Returns:
      The store's manifest; `extra.tables` counts the rows and the bad rows of each table, `extra.inputs` lists its
      files.

    Raises:
      InputDataError: a table is missing, damaged or empty, too many of its rows are bad, or a file can't be added.
      SchemaError: `tables` does not fit `schema`, or the earlier store was built with others.
      GraphStoreError: there is no whole earlier store.
    """
    check_tables(schema, tables, f"{config.schema_dir}/tables.yaml")
    if log is not None and add_to is None:
        raise ConfigurationError("--log goes with --add-to: events are added to the store that they came after")
    if log is not None and not files.is_local(output_dir):
        raise ConfigurationError(f"--log {log}: a log of events goes with a store on a local disk, not {output_dir}")
    earlier = None
    if add_to is not None:
        opened = isinstance(add_to, EarlierStore)
        earlier = add_to if opened else EarlierStore.open(str(add_to), tables, schema, str(data_dir))
    with unfinished_output(str(output_dir), "graph") as folder:
        earlier = earlier if log is None else earlier.with_events(EventLog(log), f"{folder}/{_EVENTS}")
        if earlier is not None and not earlier.new_files.files:
            earlier.copy_to(folder)
        else:
            plan = BuildPlan.make(tables, schema, str(data_dir), chosen=earlier.new_files.files if earlier else None)
            shards = earlier.shards if earlier else config.build.shards or shard_count(plan.files)
            options = config.build.model_copy(update={"shards": shards})
            steps = StoreSteps(plan, schema, options, folder, str(output_dir), earlier, pipeline_args)
            with watch_files(*steps.written(), on_progress):
                _finish(steps.writer, steps.run(), plan, earlier, folder)
        files.delete(files.join(folder, _EVENTS))
    manifest = GraphStore.open(output_dir).manifest
    if log is not None:
        # The manifest says what is taken in: killed before or amid this, nothing is lost or added twice.
        EventLog(log).cut(manifest["extra"].get(LOG, {}).get(POSITION, 0))
    return manifest


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = job_parser("beam_jobs.build_graph", "Builds a graph store from tables.")
    parser.add_argument("--data", required=True, metavar="DIR", help="where the paths in tables.yaml begin")
    parser.add_argument("--output", required=True, metavar="DIR", help="the graph store's folder")
    parser.add_argument("--add-to", metavar="DIR", help="an earlier store, to which what is new in --data is added")
    parser.add_argument("--log", metavar="DIR", help="that store's log of events, which is added too, and cut")
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
            log=args.log,
            pipeline_args=pipeline_args,
            on_progress=on_progress,
        )
    for name, described in (manifest["node_sets"] | manifest["edge_sets"]).items():
        print(f"{name}: {described['count']:,}")
    if earlier is not None:
        print(told_additions(manifest, earlier, (args.add_to, args.data)))
    print(f"{args.output}: graph store")


def _finish(
    writer: GraphStoreWriter, facts: list[Fact], plan: BuildPlan, earlier: EarlierStore | None, folder: str
) -> None:
    """Writes the manifest, from what the pipelines told."""
    tables = plan.tables
    inputs = describe_inputs(facts, plan.files, tables)
    extra = {TABLES: count_rows(facts, plan.files), INPUTS: inputs, SOURCES: describe_sources(tables)}
    extra = extra if earlier is None else earlier.add_letters(folder, extra)
    entries = [fact["entry"] for fact in of_kind(facts, "shard")]
    writer.finish(entries, of_kind(facts, STATISTICS)[0]["values"], feedback_delays(tables), extra)


if __name__ == "__main__":
    sys.exit(main())
