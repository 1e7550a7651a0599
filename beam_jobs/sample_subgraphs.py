"""Samples a subgraph for every request of a log: python -m beam_jobs.sample_subgraphs --config YAML --data DIR ..."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.records.record_shards import WriteRecordShards
from beam_jobs.records.request_rows import request_columns, sources_by_table
from beam_jobs.running.command_line import job_parser, parse_job_args, read_configuration, shown_progress
from beam_jobs.running.facts import Fact, of_kind
from beam_jobs.running.outputs import unfinished_output
from beam_jobs.running.own_output import MANIFEST
from beam_jobs.running.pipelines import run_pipeline
from beam_jobs.running.shard_progress import OnProgress, watch_files
from beam_jobs.running.statistics import SAMPLING, STATISTICS
from beam_jobs.tables.dead_letters import FOLDER
from beam_jobs.tables.read_table import time_columns
from beam_jobs.tables.row_counts import check_rows, count_rows
from beam_jobs.tables.several_values import columns_of_several
from beam_jobs.tables.splits import check_splits
from beam_jobs.tables.table_files import TableFiles, find_table
from tfgrec.checks.tables_check import check_tables
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.entry_point import entry_point
from tfgrec.errors import SchemaError
from tfgrec.files import delete, join, make_folder, write_json
from tfgrec.graph.sampling.batch_sizes import batch_sizes
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.sampling.sampling_statistics import told_size
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.layout import sealed

# Of batches, whose sizes the manifest tells beside those that hold all.
_SHARES = (0.5, 0.9, 0.99)


def sample_subgraphs(
    *,
    config: RunConfig,
    tables: TablesConfig,
    schema: GraphSchema,
    data_dir: str,
    graph_dir: str,
    output_dir: str,
    split_folders: Mapping[str, str] | None = None,
    pipeline_args: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Samples every request of the splits at its own time and writes one GraphTensor a request.

    Writes `part-*.tfrecord` in the splits' folders, each a random mix of users in an order that does not tell time,
    `dead_letters/` and, last, `manifest.json`; all in a folder beside `output_dir`, which takes its place when it is
    whole.

    Args:
      config: the run's configuration, of which `split`, `sampling`, `build` and `training.batch_size` count.
      tables: where requests, their features and labels are.
      schema: the graph's schema, as the graph store was built with.
      data_dir: where the tables' paths begin.
      graph_dir: the graph store.
      output_dir: the records' folder; finished ones there are replaced.
      split_folders: the folder of each split's records below `output_dir`; None: named as the splits.
      pipeline_args: options of any Beam runner.
      on_progress: called with the number of finished files and of all files.

    Returns:
      The manifest: `schema` of the records, `splits` with their shards and counts, `statistics` of the graph's features
      and of the request features over the training split, `sizes` and `expansions` of what was sampled, the test split
      aside (see SamplingStatistics), sizes of `batches` of `training.batch_size` requests (see BatchSizes), `tables`
      with counts of bad rows.

    Raises:
      InputDataError: a table is missing, damaged or empty, too many of its rows are bad, a split has no request, or
        a request of one split is newer than one of a later split.
      GraphStoreError: there is no whole graph store, or a file of it that is read is damaged.
      SchemaError: the store was built with another schema.
    """
    check_tables(schema, tables, f"{config.schema_dir}/tables.yaml")
    records = record_schema(schema, config.sampling)
    store = GraphStore.open(graph_dir)
    _check_store(store, schema, graph_dir)
    store.verify(_edge_sets_read(records, tables))
    # Dead letters, and logs that are dated back, are cut as the store is.
    config = config.model_copy(update={"build": config.build.model_copy(update={"shards": store.manifest["shards"]})})
    files = _find_tables(config, tables, schema, str(data_dir))
    parts = config.split.parts
    split_folders = {name: name for name in parts} if split_folders is None else split_folders
    total = len(parts) * config.sampling.output_shards
    with unfinished_output(str(output_dir), "examples") as folder:
        written = [join(folder, of_split) for of_split in split_folders.values()]
        for of_split in written:
            make_folder(of_split)
        work, letters = join(folder, "work"), join(folder, FOLDER)
        make_folder(work)
        job = WriteRecordShards(files, config, tables, records, store.path, folder, split_folders, work, letters)
        with watch_files(written, ".tfrecord", total, on_progress):
            facts = run_pipeline(job, join(work, "facts.json"), pipeline_args)
        delete(work)
        check_rows(facts, files, config.build.max_bad_row_share, letters, str(output_dir))
        check_splits(facts, config.split)
        manifest = sealed(_manifest(facts, files, config, records, store.statistics))
        write_json(join(folder, MANIFEST), manifest)
    return manifest


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = job_parser("beam_jobs.sample_subgraphs", "Samples a subgraph for every request of the log.")
    parser.add_argument("--data", required=True, metavar="DIR", help="where the paths in tables.yaml begin")
    parser.add_argument("--graph", required=True, metavar="DIR", help="the graph store, see beam_jobs.build_graph")
    parser.add_argument("--output", required=True, metavar="DIR", help="the records' folder")
    args, pipeline_args = parse_job_args(parser, argv)
    config, tables, schema = read_configuration(args)
    with shown_progress("sample subgraphs") as on_progress:
        manifest = sample_subgraphs(
            config=config,
            tables=tables,
            schema=schema,
            data_dir=args.data,
            graph_dir=args.graph,
            output_dir=args.output,
            pipeline_args=pipeline_args,
            on_progress=on_progress,
        )
    for name, split in manifest["splits"].items():
        print(f"{name}: {split['num_requests']:,} requests, {split['num_candidates']:,} candidates")
    print(told_size(manifest["sizes"]))
    print(f"{args.output}: records")


def _check_store(store: GraphStore, schema: GraphSchema, graph_dir: str) -> None:
    if not store.schema.stores_the_same(schema):
        raise SchemaError(f"{graph_dir}: was built with another graph.pbtxt: build it again with beam_jobs.build_graph")


def _edge_sets_read(records: GraphSchema, tables: TablesConfig) -> set[str]:
    """What the workers map: what hops and histories sample, and what temporal degrees count."""
    histories, degrees = records.history_node_sets.values(), tables.requests.temporal_degrees.values()
    counted = {name for degree in degrees for name in (*degree.counted_edge_sets, *degree.joining_edge_sets)}
    return {*records.stored_edge_sets, *(history.of_edge_set for history in histories), *counted}


def _find_tables(config: RunConfig, tables: TablesConfig, schema: GraphSchema, data_dir: str) -> dict[str, TableFiles]:
    files, several = {}, columns_of_several(tables, schema)
    for name, sources in sources_by_table(tables).items():
        columns = [column for source in sources.values() for column in request_columns(source, config, tables)]
        table = tables.tables[name]
        files[name] = find_table(name, table, data_dir, [*columns, *time_columns(table.time)], several[name])
    return files


def _manifest(
    facts: Sequence[Fact],
    files: dict[str, TableFiles],
    config: RunConfig,
    records: GraphSchema,
    graph_statistics: Mapping[str, Any],
) -> dict[str, Any]:
    shards, sampled = of_kind(facts, "shard"), of_kind(facts, SAMPLING)[0]["values"]
    splits, batch_size = {}, config.training.batch_size
    of_batches = batch_sizes(sampled["sizes"], batch_size, _SHARES)
    for name in config.split.parts:
        of_split = sorted((fact["shard"] for fact in shards if fact["split"] == name), key=lambda shard: shard["path"])
        splits[name] = {
            "num_requests": sum(shard["num_requests"] for shard in of_split),
            "num_candidates": sum(shard["num_candidates"] for shard in of_split),
            "shards": of_split,
        }
    return {
        "schema": records.to_json(),
        "splits": splits,
        # With those of the graph, so that a model can be built without it.
        "statistics": {**graph_statistics, **of_kind(facts, STATISTICS)[0]["values"]},
        **sampled,
        "batches": {"requests": batch_size, "shares": [dataclasses.asdict(of_share) for of_share in of_batches]},
        "tables": count_rows(facts, files),
        "sampling": config.sampling.model_dump(mode="json"),
        "split": config.split.model_dump(mode="json"),
    }


if __name__ == "__main__":
    sys.exit(main())
