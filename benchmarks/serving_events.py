"""Appending events to a graph store's log, and making examples of requests that see them, in one thread."""

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from beam_jobs.tables.table_files import find_table
from benchmarks.serving_examples import WARM_UP, rounded, thread_seconds
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest

_ROWS_AT_ONCE = 10_000


def measure_events(
    config: RunConfig, tables: TablesConfig, graph: str, rows: pa.RecordBatch, requests: Sequence[OnlineRequest]
) -> dict[str, Any]:
    """Appending rows of the requests' table, later than all that the store has, and requests that see them.

    Each request is asked of both services in turn, so that a machine that slows down slows both.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = ExampleService.open(graph, sampling=config.sampling, requests=tables.requests)
        live = ExampleService.open_live(
            graph, sampling=config.sampling, tables=tables, log=f"{folder}/log", most_rows=rows.num_rows
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
        "log_of_a_million_over_none": rounded(np.median(with_log) / np.median(without)),
        "log_events": rows.num_rows,
        "log_bytes_per_event": round(log_bytes / rows.num_rows, 1),
    }


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
        service.examples(requests[:WARM_UP])
    times = [
        [thread_seconds(lambda: service.examples([request])) for service in (first, second)]  # noqa: B023
        for request in requests
    ]
    return tuple(np.array(times).T * 1_000)
