"""Serving: python -m benchmarks.serving --config YAML --data DIR --graph DIR --json FILE."""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from beam_jobs.tables.table_files import find_table
from benchmarks.logged_requests import read_requests
from benchmarks.results import benchmark_parser, tell
from tfgrec.config import RunConfig, TablesConfig, load_run_config, load_tables_config
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest

_WARM_UP = 50
_CANDIDATES = 100
_BATCH = 64
_ROWS_AT_ONCE = 10_000


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("serving", "Examples of single requests, and events that come meanwhile, in one thread.")
    parser.add_argument("--config", required=True, metavar="YAML", help="a run's configuration")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the data set's tables")
    parser.add_argument("--graph", required=True, metavar="DIR", help="the graph store; its own log is left alone")
    parser.add_argument("--requests", type=int, default=1_000, metavar="N", help="how many (default: 1000)")
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N", help="rows of the log (default: 1000000)")
    args = parser.parse_args(argv)
    config = load_run_config(args.config)
    tables = load_tables_config(config.schema_dir)
    requests = read_requests(tables, args.data, args.requests)
    results: dict[str, Any] = {}
    for part in (examples, events):
        results |= part(config, tables, args, requests)
    tell(results, args.json)


def examples(config: RunConfig, tables: TablesConfig, args: Any, requests: Sequence[OnlineRequest]) -> dict[str, Any]:
    """Making examples of requests, with their own candidates and with a hundred."""
    started = time.perf_counter()
    service = ExampleService.open(args.graph, sampling=config.sampling, requests=tables.requests)
    opening = time.perf_counter() - started
    first = _seconds(lambda: service.examples(requests[:1]))
    single = _milliseconds(service, requests)
    many = _milliseconds(service, with_candidates(requests[: max(1, len(requests) // 5)], _CANDIDATES))
    batches = [requests[start : start + _BATCH] for start in range(0, len(requests), _BATCH)]
    together = sum(_seconds(lambda: service.examples(batch)) for batch in batches)  # noqa: B023
    return {
        "requests": len(requests),
        "mean_record_bytes": round(np.mean([len(service.examples([request])[0]) for request in requests[:_WARM_UP]])),
        "opening_ms": _rounded(opening * 1_000),
        "first_example_ms": _rounded(first * 1_000),
        "example_ms_median": _rounded(np.median(single)),
        "example_ms_p99": _rounded(np.quantile(single, 0.99)),
        f"example_{_CANDIDATES}_ms_median": _rounded(np.median(many)),
        f"example_ms_in_batches_of_{_BATCH}": _rounded(together / len(requests) * 1_000),
    }


def events(config: RunConfig, tables: TablesConfig, args: Any, requests: Sequence[OnlineRequest]) -> dict[str, Any]:
    """Appending rows of the requests' table, later than all that the store has, and requests that see them.

    Each request is asked of both services in turn, so that a machine that slows down slows both.
    """
    rows = later_rows(tables, args.data, args.events)
    with tempfile.TemporaryDirectory() as folder:
        plain = ExampleService.open(args.graph, sampling=config.sampling, requests=tables.requests)
        live = ExampleService.open_live(
            args.graph, sampling=config.sampling, tables=tables, log=f"{folder}/log", most_rows=args.events
        )
        table, started = tables.requests.sources[0].table, time.thread_time()
        for start in range(0, rows.num_rows, _ROWS_AT_ONCE):
            live.append({table: rows.slice(start, _ROWS_AT_ONCE)})
        seconds = time.thread_time() - started
        latest = int(max(request.time for request in requests)) + 10 * 86_400_000
        late = [dataclasses.replace(request, time=latest) for request in requests]
        without, with_log = _in_turn(plain, live, late)
        log_bytes = sum(file.stat().st_size for file in Path(folder, "log").iterdir())
    return {
        "append_events_per_second": round(rows.num_rows / seconds),
        "log_of_a_million_over_none": _rounded(np.median(with_log) / np.median(without)),
        "log_events": rows.num_rows,
        "log_bytes_per_event": round(log_bytes / rows.num_rows, 1),
    }


def with_candidates(requests: Sequence[OnlineRequest], count: int) -> list[OnlineRequest]:
    """The requests, each with `count` of all of their candidates instead of its own."""
    random, items = np.random.default_rng(0), sorted({item for request in requests for item in request.items})
    return [
        dataclasses.replace(
            request,
            items=random.choice(items, min(count, len(items)), replace=False).tolist(),
            features={name: values[0] for name, values in request.features.items()},
        )
        for request in requests
    ]


def later_rows(tables: TablesConfig, data: Path, count: int) -> pa.RecordBatch:
    """`count` rows of the table of requests, drawn at random, in an order of times that begins where the table ends."""
    name = tables.requests.sources[0].table
    time_column = tables.tables[name].time.column
    columns = _columns_of(tables, name)
    [file] = find_table(name, tables.tables[name], str(data), columns).files
    rows = pd.read_parquet(file.path, columns=columns)
    drawn = rows.sample(count, replace=True, random_state=0).reset_index(drop=True)
    drawn[time_column] = int(rows[time_column].max()) + 1 + np.arange(count) * 500
    return pa.RecordBatch.from_pandas(drawn, preserve_index=False)


def _columns_of(tables: TablesConfig, table: str) -> list[str]:
    sources = [source for of in tables.edge_sets.values() for source in of.sources if source.table == table]
    columns = [tables.tables[table].time.column]
    for source in sources:
        named = (source.source, source.target, *source.features.values())
        columns += [column if isinstance(column, str) else column.column for column in named]
        columns += source.where
    return list(dict.fromkeys(columns))


def _in_turn(
    first: ExampleService, second: ExampleService, requests: Sequence[OnlineRequest]
) -> tuple[np.ndarray, np.ndarray]:
    for service in (first, second):
        service.examples(requests[:_WARM_UP])
    times = [[_seconds(lambda: service.examples([request])) for service in (first, second)] for request in requests]  # noqa: B023
    return tuple(np.array(times).T * 1_000)


def _milliseconds(service: ExampleService, requests: Sequence[OnlineRequest]) -> np.ndarray:
    """Milliseconds of a thread's work for each request alone, so that waiting for a processor does not count."""
    for request in requests[:_WARM_UP]:
        service.examples([request])
    return np.array([_seconds(lambda: service.examples([request])) for request in requests]) * 1_000  # noqa: B023


def _seconds(function: Callable[[], Any]) -> float:
    started = time.thread_time()
    function()
    return time.thread_time() - started


def _rounded(value: float) -> float:
    return round(float(value), 3)


if __name__ == "__main__":
    sys.exit(main())
