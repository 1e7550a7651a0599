"""A feature service under load: python -m benchmarks.serving_load --run-dir RUN --data DIR --minutes 10 --json FILE."""

import argparse
import collections
import contextlib
import dataclasses
import json
import math
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.load_clients import Call, LoadClients, summary
from benchmarks.logged_requests import read_requests
from benchmarks.results import benchmark_parser, tell
from benchmarks.served_process import Down, ServedProcess
from benchmarks.serving_events import later_rows
from tfgrec.config import TablesConfig, load_tables_config
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.log.event_log import EventLog
from tfgrec.run.run_directory import RunDirectory

_REQUESTS = 500
_DAYS_LATER = 10
# Of the time: to find how many clients it answers most of, and until it is killed.
_RAMP_SHARE, _KILL_SHARE = 0.15, 0.3
# Fewer clients that get nearly as many answers wait less for them.
_NEARLY = 0.95


def main(argv: Sequence[str] | None = None) -> int:
    """The command: 1 where an answer was an error, or an event that was acknowledged is lost or there twice."""
    parser = benchmark_parser("serving_load", "tfgrec-serve under requests and appends, killed once, on a copy's log.")
    parser.add_argument("--run-dir", required=True, metavar="DIR", help="a run with an export; its log is left alone")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the data set's tables")
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="(default: 10)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16], metavar="N", help="to choose from")
    parser.add_argument("--rows", type=int, default=500_000, metavar="N", help="of events at most (default: 500000)")
    parser.add_argument("--model-server", metavar="ADDRESS", help="as tfgrec-serve has it; else it holds the model")
    parser.add_argument("--model-name", metavar="NAME", help="as tfgrec-serve has it")
    args = parser.parse_args(argv)
    run = RunDirectory.open(args.run_dir)
    tables = load_tables_config(run.read_config().schema_dir)
    rows = later_rows(tables, args.data, args.rows)
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder, "graph")
        os.symlink(run.graph.resolve(), graph)
        port = _free_port()
        service = ServedProcess(_command(args, graph, port), f"http://127.0.0.1:{port}")
        clients = LoadClients(
            f"http://127.0.0.1:{port}",
            ranks=[_rank_body(request) for request in _late_requests(tables, args.data)],
            append_body=lambda numbers: _events_body(tables, rows, numbers),
            most_rows=rows.num_rows,
        )
        with contextlib.closing(service):
            results = _load(service, clients, args.clients, args.minutes * 60)
            service.stop()
        results["log"] = _log_check(results.pop("calls"), tables, rows, EventLog(f"{graph}.log"))
    tell({"model_server": args.model_server, **results}, args.json)
    return int(bool(results["errors"] or results["log"]["lost"] or results["log"]["twice"]))


def _load(service: ServedProcess, clients: LoadClients, counts: Sequence[int], seconds: float) -> dict[str, Any]:
    # The first answer takes much longer than the next ones.
    clients.run(1, 0.001)
    ramp = {count: clients.run(count, seconds * _RAMP_SHARE / len(counts)) for count in counts}
    rates = {count: sum(not call.problem for call in calls) / _span(calls) for count, calls in ramp.items()}
    chosen = min(count for count, rate in rates.items() if rate >= _NEARLY * max(rates.values()))
    held = seconds * (1 - _RAMP_SHARE)
    start, downs = time.monotonic(), []
    killer = threading.Timer(held * _KILL_SHARE, lambda: downs.append(service.kill_and_restart()))
    killer.start()
    calls = clients.run(chosen, held)
    killer.join()
    last_half = [call for call in calls if call.start >= start + held / 2]
    every = [call for of_count in ramp.values() for call in of_count] + calls
    problems = [call for call in every if call.problem]
    errors = collections.Counter(call.problem for call in problems if not _is_of_kill(call, downs))
    return {
        "clients": chosen,
        "answers_per_second_by_clients": {count: round(rate, 1) for count, rate in rates.items()},
        "requests_per_second": summary(last_half, "/rank", held / 2)["answers_per_second"],
        "last_half": {path.strip("/"): summary(last_half, path, held / 2) for path in ("/rank", "/events")},
        "answers": len(every) - len(problems),
        "errors": sum(errors.values()),
        "kinds_of_errors": dict(errors.most_common(5)),
        "connections_lost_by_the_kill": len(problems) - sum(errors.values()),
        "seconds_down": [round(down.end - down.start, 1) for down in downs],
        "memory_of_the_last_half": service.memory(start + held / 2),
        "calls": every,
    }


def _is_of_kill(call: Call, downs: Sequence[Down]) -> bool:
    return call.lost_connection and any(call.start <= down.end and call.end >= down.start for down in downs)


def _log_check(calls: Sequence[Call], tables: TablesConfig, rows: pa.RecordBatch, log: EventLog) -> dict[str, int]:
    """Compares what was acknowledged with what is in the log; rows are told apart by their times."""
    table = tables.requests.sources[0].table
    column = tables.tables[table].time.column
    times = rows.column(rows.schema.get_field_index(column)).to_pylist()
    asked = [call for call in calls if call.rows]
    acknowledged = {times[number] for call in asked if not call.problem for number in call.rows}
    kept: collections.Counter[Any] = collections.Counter()
    for _, batch, _ in log.read(0):
        kept.update(batch.column(batch.schema.get_field_index(column)).to_pylist())
    return {
        "acknowledged_rows": len(acknowledged),
        "lost": len(acknowledged - kept.keys()),
        "twice": sum(count > 1 for count in kept.values()),
        "kept_without_an_answer": len(kept.keys() - acknowledged),
    }


def _command(args: argparse.Namespace, graph: Path, port: int) -> list[str]:
    command = [sys.executable, "-m", "tfgrec.commands.serve", "--run-dir", args.run_dir, "--graph", str(graph)]
    command += ["--port", str(port)]
    for option, value in (("--model-server", args.model_server), ("--model-name", args.model_name)):
        command += [] if value is None else [option, value]
    return command


def _late_requests(tables: TablesConfig, data: Path) -> list[OnlineRequest]:
    """Requests of the log at a time at which all that is appended is seen."""
    requests = read_requests(tables, data, _REQUESTS)
    latest = int(max(request.time for request in requests)) + _DAYS_LATER * 86_400_000
    return [dataclasses.replace(request, time=latest) for request in requests]


def _rank_body(request: OnlineRequest) -> bytes:
    features = {name: [_cell(value) for value in values] for name, values in request.features.items()}
    user = request.user if isinstance(request.user, str) else int(request.user)
    body = {"user": user, "time": request.time, "items": request.items, "features": features}
    return json.dumps({**body, "item_node_set": request.item_node_set}).encode()


def _events_body(tables: TablesConfig, rows: pa.RecordBatch, numbers: range) -> bytes:
    columns = rows.slice(numbers.start, len(numbers)).to_pydict()
    cells = {name: [_cell(value) for value in column] for name, column in columns.items()}
    return json.dumps({tables.requests.sources[0].table: cells}).encode()


def _cell(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _span(calls: Sequence[Call]) -> float:
    return max(call.end for call in calls) - min(call.start for call in calls)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
