"""Latency of single requests online: python -m benchmarks.online --config YAML --data DIR --graph DIR --json FILE."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.results import benchmark_parser, tell
from tfgrec.config import TablesConfig, load_run_config, load_tables_config
from tfgrec.config.tables import TimePart, as_column
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.rows.times import read_times

_BATCH = 64
_WARM_UP = 50


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("online", "Requests of a log's rows, one by one and in batches, in one thread.")
    parser.add_argument("--config", required=True, metavar="YAML", help="a run's configuration")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the data set's tables")
    parser.add_argument("--graph", required=True, metavar="DIR", help="the graph store, see beam_jobs.build_graph")
    parser.add_argument("--requests", type=int, default=2_000, metavar="N", help="how many (default: 2000)")
    args = parser.parse_args(argv)
    config = load_run_config(args.config)
    tables = load_tables_config(config.schema_dir)
    requests = read_requests(tables, args.data, args.requests)
    started = time.perf_counter()
    service = ExampleService.open(args.graph, sampling=config.sampling, requests=tables.requests)
    opening = time.perf_counter() - started
    tell({"opening_ms": round(opening * 1_000, 2), **measure(service, requests)}, args.json)


def measure(service: ExampleService, requests: Sequence[OnlineRequest]) -> dict[str, Any]:
    """Times of every request alone and of batches of 64; the first request, which maps and warms, is told apart."""
    first, _ = _times(service.examples, requests[:1])
    sizes = [len(service.examples([request])[0]) for request in requests[:_WARM_UP]]
    single = [_times(service.examples, [request]) for request in requests]
    starts = range(0, len(requests) - _BATCH + 1, _BATCH)
    batches = [_times(service.examples, requests[start : start + _BATCH]) for start in starts]
    return {
        "requests": len(requests),
        "candidates_per_request": round(float(np.mean([len(request.items) for request in requests])), 2),
        "mean_record_bytes": round(float(np.mean(sizes))),
        "first_request_ms": round(first * 1_000, 2),
        "single": _summary(single, 1),
        "batches_of_64": _summary(batches, _BATCH),
    }


def read_requests(tables: TablesConfig, data: Path, count: int) -> list[OnlineRequest]:
    """Requests of `count` rows of the first source of requests, picked at random, with the candidates that share them.

    Reads one Parquet or CSV file, and features that need no reading of text.
    """
    source = tables.requests.sources[0]
    table = tables.tables[source.table]
    path = data / table.path
    rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    rows["#time"] = read_times(pa.array(rows[table.time.column]), table.time).values.to_pandas()
    features = {
        name: as_column(of).column for name, of in tables.requests.features.items() if not isinstance(of, TimePart)
    }
    keys = [source.user, "#time", *source.group_by]
    chosen = rows.sample(min(count, len(rows)), random_state=0)[keys].drop_duplicates()
    groups = chosen.merge(rows, on=keys).groupby(keys, sort=False)
    return [
        OnlineRequest(
            user=group[source.user].iloc[0],
            time=group["#time"].iloc[0],
            items=group[source.item].tolist(),
            features={name: group[column].tolist() for name, column in features.items()},
            item_node_set=source.item_node_set,
        )
        for _, group in groups
    ]


def _times(
    function: Callable[[Sequence[OnlineRequest]], Any], requests: Sequence[OnlineRequest]
) -> tuple[float, float]:
    """Seconds of a call: as a clock counts, and as its thread worked."""
    clock, thread = time.perf_counter(), time.thread_time()
    function(requests)
    return time.perf_counter() - clock, time.thread_time() - thread


def _summary(times: Sequence[tuple[float, float]], requests: int) -> dict[str, float]:
    """Milliseconds a call, and requests a second; `median_cpu_ms` does not count waiting for a processor."""
    clock, thread = np.array(times).T
    return {
        "median_ms": round(float(np.median(clock)) * 1_000, 2),
        "p99_ms": round(float(np.quantile(clock, 0.99)) * 1_000, 2),
        "median_cpu_ms": round(float(np.median(thread)) * 1_000, 2),
        "requests_per_second": round(float(requests * len(clock) / clock.sum()), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
