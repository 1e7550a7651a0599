"""Checks that no record carries its request's future: python -m beam_jobs.audit --config YAML --examples DIR."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beam_jobs.graph_shards.feedback_delays import feedback_delays
from beam_jobs.records.checked_shards import CHECKED, CheckShards, Recounting
from beam_jobs.running.command_line import job_parser, parse_job_args, shown_progress
from beam_jobs.running.facts import Fact
from beam_jobs.running.own_output import MANIFEST
from beam_jobs.running.pipelines import run_pipeline
from beam_jobs.running.shard_progress import OnProgress, watch_files
from tfgrec import files
from tfgrec.config import TablesConfig, load_run_config, load_tables_config
from tfgrec.data.examples_directory import parse_manifest
from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError, InputDataError, LeakageError
from tfgrec.generations import whole_folder
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

REPORT = "audit.json"
# Records that are counted again unless another number is asked for.
RECOUNTED = 256
_EXAMPLES = 20


def audit(
    *,
    tables: TablesConfig,
    examples_dir: str,
    graph_dir: str | None = None,
    recount: int | None = RECOUNTED,
    report_dir: str | None = None,
    pipeline_args: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Checks all records below `examples_dir`, see LeakageCheck, and writes `audit.json`.

    With a graph store, all temporal degrees of some records (or of all) are counted again besides, edge by edge, see
    RecordRecount.

    Args:
      tables: the configuration that the records were made from: it tells the feedback delays.
      examples_dir: what beam_jobs.sample_subgraphs wrote.
      graph_dir: the graph store that the records were sampled from.
      recount: how many records are counted again, the same share of each file; None for all of them.
      report_dir: the folder of audit.json and, while the job runs, of its work; None for that of the records.
      pipeline_args: options of any Beam runner.
      on_progress: called with the number of checked files and of all files.

    Returns:
      What audit.json holds: whether the records `passed`, `records`, `edges` and `events` of histories checked, among
      them `target_edges`, which tie a request's user to its candidates; `recounted`, the records, candidates and values
      by temporal degree that were counted again; `leaks`, values that the graph does not give among them; and the first
      examples with file, record number (the first is 0) and problem.

    Raises:
      LeakageError: a record carries what its request could not have seen, or a value that the graph does not give.
      GraphStoreError: there is no whole graph store in `graph_dir`.
      InputDataError: the records are incomplete or damaged.
    """
    examples_dir = whole_folder(examples_dir)
    manifest = _read_manifest(examples_dir)
    schema = GraphSchema.from_json(manifest["schema"])
    shards = [shard for split in manifest["splits"].values() for shard in split["shards"]]
    delays = feedback_delays(tables)
    if graph_dir is not None:
        # Told before any worker begins.
        graph_dir = GraphStore.open(graph_dir).path
    report_dir = examples_dir if report_dir is None else report_dir
    work = files.join(report_dir, "audit.unfinished")
    files.delete(work)
    files.make_folder(work)
    try:
        with watch_files([work], CHECKED, len(shards), on_progress):
            recounting = None if graph_dir is None else Recounting(graph_dir, recount)
            check = CheckShards(shards, examples_dir, schema, tables, delays, work, recounting)
            facts = run_pipeline(check, files.join(work, "facts.json"), pipeline_args)
    finally:
        files.delete(work)
    report = _report(facts, delays)
    files.write_json(files.join(report_dir, REPORT), report)
    if not report["passed"]:
        examples = "".join(
            f"\n  {example['file']} record {example['record']}: {example['problem']}" for example in report["examples"]
        )
        raise LeakageError(f"{examples_dir}: {report['leaks']:,} leaks in {report['records']:,} records:{examples}")
    return report


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = job_parser("beam_jobs.audit", "Checks that no record carries its request's future.")
    parser.add_argument("--examples", required=True, metavar="DIR", help="records of beam_jobs.sample_subgraphs")
    parser.add_argument(
        "--graph", metavar="DIR", help="the graph store of the records, to count temporal degrees again"
    )
    parser.add_argument(
        "--recount",
        type=_number_of_records,
        metavar="N",
        help=f"how many records to count again, or all of them (all); default {RECOUNTED}",
    )
    args, pipeline_args = parse_job_args(parser, argv)
    if args.recount is not None and args.graph is None:
        raise ConfigurationError(f"--recount {args.recount}: needs the graph store of the records (--graph DIR)")
    config = load_run_config(args.config, args.overrides)
    tables = load_tables_config(config.schema_dir)
    with shown_progress("audit") as on_progress:
        report = audit(
            tables=tables,
            examples_dir=args.examples,
            graph_dir=args.graph,
            recount={None: RECOUNTED, "all": None}.get(args.recount, args.recount),
            pipeline_args=pipeline_args,
            on_progress=on_progress,
        )
    edges, events, target_edges = (sum(report[key].values()) for key in ("edges", "events", "target_edges"))
    checked = f"{edges:,} edges with times" + (f", {events:,} events of histories" if report["events"] else "")
    print(
        f"{args.examples}: {report['records']:,} records, {checked}: none of the future; "
        f"{target_edges:,} tie a user to a candidate"
    )
    print(f"{args.examples}: {_told_recount(report, args.graph)}")


def _number_of_records(text: str) -> int | str:
    if text == "all":
        return text
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of records, or all, received {text!r}")
    return int(text)


def _told_recount(report: Mapping[str, Any], graph: str | None) -> str:
    if graph is None:
        return "temporal degrees were not counted again: that takes the graph store (--graph DIR)"
    recounted = report["recounted"]
    values = sum(recounted["values"].values())
    return (
        f"{values:,} temporal degrees of {recounted['records']:,} records counted again, edge by edge: "
        "all are what the graph says"
    )


def _read_manifest(examples_dir: str) -> dict[str, Any]:
    path = files.join(examples_dir, MANIFEST)
    if not files.exists(path):
        raise InputDataError(f"{path}: is missing: sampling did not finish, or never began")
    with files.open_to_read(path) as file:
        return parse_manifest(file.read(), path)


def _report(facts: Sequence[Fact], delays: dict[str, int]) -> dict[str, Any]:
    edges, events, target_edges = (_sums(fact[key] for fact in facts) for key in ("edges", "events", "target_edges"))
    recounted = [fact["recounted"] for fact in facts]
    examples = [example for fact in sorted(facts, key=lambda fact: fact["file"]) for example in fact["examples"]]
    leaks = sum(fact["leaks"] for fact in facts)
    return {
        "passed": leaks == 0,
        "records": sum(fact["records"] for fact in facts),
        "edges": edges,
        "events": events,
        "target_edges": target_edges,
        "recounted": {
            "records": sum(of_shard["records"] for of_shard in recounted),
            "candidates": sum(of_shard["candidates"] for of_shard in recounted),
            "values": _sums(of_shard["values"] for of_shard in recounted),
        },
        "leaks": leaks,
        "examples": examples[:_EXAMPLES],
        "feedback_delays": {name: delays[name] for name in edges},
    }


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter = Counter()
    for of_shard in counts:
        total.update(of_shard)
    return dict(sorted(total.items()))


if __name__ == "__main__":
    sys.exit(main())
