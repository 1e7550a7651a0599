"""Runs the jobs' commands on a written input in this process, and reads what they leave."""

import contextlib
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from eager_runner import without_checks_of_transforms
from expected_results import Place
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from beam_jobs import build_graph, sample_subgraphs
from beam_jobs.tfrecords.tfrecord_shards import read_records
from tfgrec.graph.schema import ID, TIME
from tfgrec.graph.store.graph_store import GraphStore

EAGER = ("--runner=eager_runner.EagerRunner",)
_PREFIX = "nodes/_readout."


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it said."""

    code: int
    said: str


def run_build(run: Path, runner: tuple[str, ...] = EAGER) -> Ended:
    """beam_jobs.build_graph, with its output in `graph` beside the run's YAML."""
    return _run(build_graph.main, run, "--output", str(run.parent / "graph"), *runner)


def run_sampling(run: Path, runner: tuple[str, ...] = EAGER) -> Ended:
    """beam_jobs.sample_subgraphs, with its output in `examples`."""
    folder = run.parent
    return _run(
        sample_subgraphs.main, run, "--graph", str(folder / "graph"), "--output", str(folder / "examples"), *runner
    )


def _run(main: Any, run: Path, *options: str) -> Ended:
    said = io.StringIO()
    quick = without_checks_of_transforms() if options[-len(EAGER) :] == EAGER else contextlib.nullcontext()
    with quick, contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = main(["--config", str(run), "--data", str(run.parent / "data"), *options])
    return Ended(code, said.getvalue())


def nodes_of(store: GraphStore, node_set: str) -> list[tuple[Any, dict[str, Any]]]:
    """Raw ids with features, as the store has them."""
    columns = store.node_features(node_set, np.arange(store.num_nodes(node_set)))
    lists = {name: column.to_pylist() for name, column in columns.items()}
    return [
        (raw, {name: values[row] for name, values in lists.items() if name != ID}) for row, raw in enumerate(lists[ID])
    ]


def edges_of(store: GraphStore, name: str) -> Counter:
    """(source, target, time, feature), counted."""
    edge_set, adjacency = store.schema.edge_sets[name], store.adjacency(name)
    nodes = np.arange(store.num_nodes(edge_set.source))
    start, end = adjacency.row_bounds(nodes)
    positions = np.arange(adjacency.num_edges)
    sources = store.node_features(edge_set.source, np.repeat(nodes, end - start))[ID].to_pylist()
    targets = store.node_features(edge_set.target, adjacency.targets(positions))[ID].to_pylist()
    columns = {name: column.to_pylist() for name, column in adjacency.features(positions).items()}
    none = [None] * len(positions)
    feature = next((values for name, values in columns.items() if name != TIME), none)
    return Counter(zip(sources, targets, columns.get(TIME, none), feature, strict=True))


def letters_of(folder: Path, data: Path) -> dict[Place, list[str]]:
    """The reasons of the bad rows that a job has set aside."""
    reasons: dict[Place, list[str]] = {}
    for path in (folder / "dead_letters").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            letter = json.loads(line)
            place = letter["table"], letter["file"].removeprefix(f"{data}/"), letter["row"]
            reasons.setdefault(place, []).append(letter["reason"])
    return reasons


def counts_of(tables: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Rows and bad rows by table, as a manifest tells them."""
    return {name: (of["rows"], of["bad_rows"]) for name, of in tables.items()}


def requests_of(examples: Path) -> Iterator[tuple]:
    """(split, user, time, its candidates), sorted within."""
    for split in ("train", "validation"):
        for path in sorted((examples / split).glob("*.tfrecord")):
            records = list(read_records(str(path)))
            for record in ExamplesToRecordBatchDecoder().DecodeBatch(records).to_pylist() if records else []:
                yield split, *_request({name: _plain(values or []) for name, values in record.items()})


def _request(record: dict[str, list]) -> tuple:
    user = record["nodes/user.#id"][record["edges/_readout/user.#source"][0]]
    pairs = zip(record["edges/_readout/item.#source"], record["edges/_readout/item.#target"], strict=True)
    names = [name for name in record if name.startswith(_PREFIX) and "#" not in name]
    candidates = [
        (
            record["nodes/item.#id"][item],
            tuple(sorted((name.removeprefix(_PREFIX), record[name][candidate]) for name in names)),
        )
        for item, candidate in pairs
    ]
    return user, record["context/time"][0], sorted(candidates, key=repr)


def _plain(values: list) -> list:
    """Text as such, and None for NaN."""
    plain = [value.decode() if isinstance(value, bytes) else value for value in values]
    return [None if value != value else value for value in plain]
