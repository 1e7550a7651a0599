"""Derives edges anew: python -m beam_jobs.derive_edges --config YAML --graph STORE --output DIR."""

import os
import sys
from collections.abc import Sequence
from typing import Any

from beam_jobs.added_days.inputs_taken_in import SOURCES, describe_sources
from beam_jobs.graph_shards.derived_shards import BuildDerivedShards, derived_edge_sets
from beam_jobs.graph_shards.feedback_delays import feedback_delays
from beam_jobs.running.command_line import job_parser, parse_job_args, read_configuration, shown_progress
from beam_jobs.running.facts import of_kind
from beam_jobs.running.outputs import unfinished_output
from beam_jobs.running.pipelines import run_pipeline
from beam_jobs.running.shard_progress import OnProgress, watch_files
from beam_jobs.tables.dead_letters import FOLDER
from tfgrec import files
from tfgrec.checks.tables_check import check_tables
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError, SchemaError
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store import store_files
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.store.layout import EDGE_SHARD_FILES
from tfgrec.graph.store.store_writer import GraphStoreWriter


def derive_edges(
    *,
    config: RunConfig,
    tables: TablesConfig,
    schema: GraphSchema,
    graph_dir: str,
    output_dir: str,
    pipeline_args: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Makes a graph store with the derived edge sets of `tables` made anew, and all else as in the store `graph_dir`.

    Files that stay the same are shared with that store by hard links, or copied where there are none.

    Args:
      config: the run's configuration, named in errors.
      tables: which edge sets are derived, and from what.
      schema: what the new graph holds; the old one may lack derived edge sets.
      graph_dir: the old store, which is not changed.
      output_dir: the new store's folder; a finished store there is replaced.
      pipeline_args: options of any Beam runner.
      on_progress: called with the number of finished files and of all files.

    Returns:
      The new store's manifest.

    Raises:
      GraphStoreError: there is no whole and undamaged old store.
      SchemaError: `tables` does not fit `schema`, or the old store has other nodes or edges.
      ConfigurationError: the new store's folder is the old one's, or there would be too many snapshots.
    """
    check_tables(schema, tables, f"{config.schema_dir}/tables.yaml")
    if _is_same(str(graph_dir), str(output_dir)):
        raise ConfigurationError(f"--output {output_dir}: is the store in --graph, which is never changed")
    store = GraphStore.open(graph_dir)
    _check_store(store, tables, schema, graph_dir)
    store.verify()
    with unfinished_output(str(output_dir), "graph") as folder:
        writer = GraphStoreWriter(folder, schema, store.manifest["shards"])
        entries = _take_over(store, tables, folder)
        facts_path = files.join(folder, "facts.json")
        with watch_files(*_files(folder, tables, writer), on_progress):
            job = BuildDerivedShards(tables, schema, writer)
            entries += [fact["entry"] for fact in of_kind(run_pipeline(job, facts_path, pipeline_args), "shard")]
        files.delete(facts_path)
        writer.finish(entries, store.statistics, feedback_delays(tables), _extra(store, tables))
    return GraphStore.open(output_dir).manifest


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = job_parser("beam_jobs.derive_edges", "Makes a graph store whose derived edges are made anew.")
    parser.add_argument("--graph", required=True, metavar="DIR", help="a graph store, which is not changed")
    parser.add_argument("--output", required=True, metavar="DIR", help="the new graph store's folder")
    args, pipeline_args = parse_job_args(parser, argv)
    config, tables, schema = read_configuration(args)
    with shown_progress("derive edges") as on_progress:
        manifest = derive_edges(
            config=config,
            tables=tables,
            schema=schema,
            graph_dir=args.graph,
            output_dir=args.output,
            pipeline_args=pipeline_args,
            on_progress=on_progress,
        )
    for name in derived_edge_sets(tables):
        print(f"{name}: {manifest['edge_sets'][name]['count']:,}")
    print(f"{args.output}: graph store")


def _is_same(one: str, other: str) -> bool:
    if files.is_local(one) and files.is_local(other):
        return os.path.realpath(one) == os.path.realpath(other)
    return one.rstrip("/") == other.rstrip("/")


def _check_store(store: GraphStore, tables: TablesConfig, schema: GraphSchema, graph_dir: str) -> None:
    """Refuses a store whose nodes, or edges that are not derived, are others."""
    derived = derived_edge_sets(tables)
    if not derived:
        raise ConfigurationError("tables.yaml: no edge set is derived (edge_sets.NAME.derived)")
    old = store.schema
    differing = [name for name, of in schema.stored_node_sets.items() if old.node_sets.get(name) != of]
    differing += [
        name for name, of in schema.stored_edge_sets.items() if name not in derived and old.edge_sets.get(name) != of
    ]
    if differing:
        raise SchemaError(
            f"{graph_dir}: was built with another '{differing[0]}' in graph.pbtxt: build it again with "
            "beam_jobs.build_graph"
        )


def _take_over(store: GraphStore, tables: TablesConfig, folder: str) -> list[dict[str, Any]]:
    """Links the files of all sets that are not derived, and of dead letters; returns the entries of the shards."""
    kept = {"node_sets": set(tables.node_sets), "edge_sets": set(tables.edge_sets) - set(derived_edge_sets(tables))}
    entries = [entry for entry in store.shard_entries() if entry["name"] in kept[entry["kind"]]]
    paths = [described["path"] for entry in entries for described in entry["files"]]
    paths += [store_files.relative(path, store.path) for path in files.files_below(files.join(store.path, FOLDER))]
    for path in paths:
        files.link(store_files.resolve(store.path, path), store_files.resolve(folder, path))
    return entries


def _extra(store: GraphStore, tables: TablesConfig) -> dict[str, Any]:
    """What the old store's manifest tells besides, with the derived edge sets as they are now."""
    extra = store.manifest["extra"]
    if SOURCES not in extra:
        return extra
    now, before = describe_sources(tables)["edge_sets"], extra[SOURCES]["edge_sets"]
    edge_sets = {name: of if name in derived_edge_sets(tables) else before[name] for name, of in now.items()}
    return {**extra, SOURCES: {**extra[SOURCES], "edge_sets": edge_sets}}


def _files(folder: str, tables: TablesConfig, writer: GraphStoreWriter) -> tuple[list[str], str, int]:
    """The folders and the suffix of the files that are written, and how many there will be."""
    names = derived_edge_sets(tables)
    return (
        [files.child(folder, "edges", name) for name in names],
        ".arrow",
        EDGE_SHARD_FILES * len(names) * writer.shards,
    )


if __name__ == "__main__":
    sys.exit(main())
