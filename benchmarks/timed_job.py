"""One of our jobs on a data set, timed in the process that runs it, imports aside: prints JSON."""

import argparse
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from benchmarks.counted_storage import counted
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.file_systems import scheme_of
from tfgrec.files import StrPath


@dataclasses.dataclass(frozen=True)
class Seconds:
    """By the clock on the wall, and of a processor: on a busy machine, the second tells what a quiet one would take."""

    wall: float
    processor: float


def timed_build(config: Path, data: StrPath, store: StrPath) -> Seconds:
    """Builds a graph store, from tables to manifest."""
    inputs = _inputs(config, data)
    return _timed(lambda: build_graph(**inputs, output_dir=str(store)))[0]


def timed_sampling(config: Path, data: StrPath, store: StrPath, examples: StrPath) -> Seconds:
    """Samples all requests, from the log to the manifest of the records.

    Raises:
      RuntimeError: not every row of the log became a request.
    """
    inputs = _inputs(config, data)
    seconds, manifest = _timed(lambda: sample_subgraphs(**inputs, graph_dir=str(store), output_dir=str(examples)))
    written = sum(split["num_requests"] for split in manifest["splits"].values())
    if written != manifest["tables"]["requests"]["rows"]:
        raise RuntimeError(f"the job wrote {written} of {manifest['tables']['requests']['rows']} requests")
    return seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Runs `build` or `sample`; tells the seconds, and the traffic with an object store where the data lies on one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timed_job")
    parser.add_argument("job", choices=("build", "sample"))
    parser.add_argument("config", type=Path)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="data, store, and examples if any")
    args = parser.parse_args(argv)
    scheme = scheme_of(args.paths[0])
    with contextlib.nullcontext({}) if scheme is None else counted(scheme) as traffic:
        seconds = (timed_build if args.job == "build" else timed_sampling)(args.config, *args.paths)
    moved = {purpose: dataclasses.asdict(of) for purpose, of in sorted(traffic.items())}
    print(json.dumps({**dataclasses.asdict(seconds), "traffic": moved}))


def _timed(job: Callable[[], dict[str, Any]]) -> tuple[Seconds, dict[str, Any]]:
    wall, processor = time.monotonic(), time.process_time()
    manifest = job()
    return Seconds(time.monotonic() - wall, time.process_time() - processor), manifest


def _inputs(config: Path, data: StrPath) -> dict[str, Any]:
    run = load_run_config(config, [])
    tables = load_tables_config(run.schema_dir)
    schema = read_graph_schema(f"{run.schema_dir}/graph.pbtxt", tables)
    return {"config": run, "tables": tables, "schema": schema, "data_dir": str(data)}


if __name__ == "__main__":
    sys.exit(main())
