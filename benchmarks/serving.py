"""Serving, by default on KuaiRand: python -m benchmarks.serving --data DIR --json FILE."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.logged_requests import read_requests
from benchmarks.results import benchmark_parser, tell
from benchmarks.sampled_run import FEWER_DAYS, sampled_run
from benchmarks.serving_events import later_rows, measure_events
from benchmarks.serving_examples import measure_examples
from tfgrec.config import load_run_config, load_tables_config

_CONFIG = Path(__file__).parents[1] / "configs" / "kuairand.yaml"

_ROWS_A_CANDIDATE = 3


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser(
        "serving",
        "Examples of single requests, events that come meanwhile, and what an export takes to answer: on one "
        "processor. The models are those of the configuration, untrained.",
    )
    parser.add_argument("--config", type=Path, metavar="YAML", help=f"a run's configuration (default: {_CONFIG.name})")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the data set's tables")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keeps graph and records, to be used again")
    parser.add_argument("--graph", metavar="DIR", help="a graph store that is there; its own log is left alone")
    parser.add_argument("--examples", metavar="DIR", help="records of that store; without, no signature is timed")
    parser.add_argument("--requests", type=int, default=1_000, metavar="N", help="how many (default: 1000)")
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N", help="rows of the log (default: 1000000)")
    parser.add_argument(
        "--candidates", type=int, nargs="+", default=[1, 10, 100, 1_000], metavar="N", help="of a request"
    )
    parser.add_argument(
        "--rounds", type=int, default=200, metavar="N", help="at most, of each signature (default: 200)"
    )
    args = parser.parse_args(argv)
    # Of the process and all that it starts, TensorFlow's threads among them.
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        with tempfile.TemporaryDirectory() as temporary:
            tell(_measure(args, args.folder or Path(temporary)), args.json)
    finally:
        os.sched_setaffinity(0, allowed)


def _measure(args: Any, folder: Path) -> dict[str, Any]:
    config = load_run_config(args.config or _CONFIG, () if args.config else FEWER_DAYS)
    if args.graph is None:
        run, _ = sampled_run("records", config, data=args.data, folder=folder)
        args.graph, args.examples = str(run.graph), str(run.examples)
    tables = load_tables_config(config.schema_dir)
    # Enough of them to have as many items as candidates are asked for.
    logged = read_requests(tables, args.data, max(args.requests, _ROWS_A_CANDIDATE * max(args.candidates)))
    requests = logged[: args.requests]
    results = measure_examples(config, tables, args.graph, requests)
    results |= measure_events(config, tables, args.graph, later_rows(tables, args.data, args.events), requests)
    if args.examples is not None:
        # It imports TensorFlow, which makes as many threads as there are processors.
        from benchmarks.serving_signatures import measure_signatures

        results |= measure_signatures(
            config,
            tables,
            args.graph,
            args.examples,
            logged,
            candidates=args.candidates,
            rounds=args.rounds,
        )
    return results


if __name__ == "__main__":
    sys.exit(main())
