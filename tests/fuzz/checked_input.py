"""One whole input through the commands: equal to what is expected, or refused for a reason that is told."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from command_results import (
    EAGER,
    Ended,
    counts_of,
    edges_of,
    letters_of,
    nodes_of,
    requests_of,
    run_build,
    run_sampling,
)
from expected_graph import expected_graph
from expected_records import expected_records
from expected_results import Expected
from input_files import write_input
from whole_inputs import WholeInput

from tfgrec.graph.store.graph_store import GraphStore


def check_input(world: WholeInput, folder: Path, runner: tuple[str, ...] = EAGER) -> str:
    """Writes an input into a new folder and runs both jobs on it; returns how far they came.

    Raises:
      AssertionError: a result differs, a refusal is missing, unforeseen or does not say where.
    """
    run = write_input(world, folder)
    graph = expected_graph(world)
    ended = run_build(run, runner)
    if _is_refused(ended, graph):
        return "refused by the build"
    store = GraphStore.open(folder / "graph")
    for node_set, nodes in graph.nodes.items():
        found = nodes_of(store, node_set)
        assert len(dict(found)) == len(found), (node_set, found)
        assert dict(found) == nodes, (node_set, _differing(dict(found), nodes))
    for edge_set, edges in graph.edges.items():
        found = edges_of(store, edge_set)
        assert found == edges, (edge_set, _differing(found, edges))
    _check_letters(graph, folder / "graph", folder / "data", counts_of(store.manifest["extra"]["tables"]))
    records = expected_records(world, graph)
    ended = run_sampling(run, runner)
    if _is_refused(ended, records):
        return "refused by sampling"
    found = Counter(map(repr, requests_of(folder / "examples")))
    expected = Counter(map(repr, records.requests))
    assert found == expected, _differing(found, expected)
    tables = json.loads((folder / "examples" / "manifest.json").read_text())["tables"]
    _check_letters(records, folder / "examples", folder / "data", counts_of(tables))
    return "sampled"


def _differing(found: Mapping, expected: Mapping) -> list[tuple]:
    """(key, what was found, what was expected) where they differ."""
    keys = sorted({*found, *expected}, key=repr)
    return [(key, found.get(key), expected.get(key)) for key in keys if found.get(key) != expected.get(key)]


def _is_refused(ended: Ended, expected: Expected) -> bool:
    """Whether a job ended with an error, as it had to."""
    assert ended.code == (2 if expected.refusals else 0), (ended, expected.refusals)
    if expected.refusals:
        assert "Traceback" not in ended.said, ended.said
        told = [all(part in ended.said for part in parts) for parts in expected.refusals]
        assert any(told), (ended.said, expected.refusals)
    return bool(expected.refusals)


def _check_letters(expected: Expected, folder: Path, data: Path, counts: dict[str, tuple[int, int]]) -> None:
    letters = letters_of(folder, data)
    assert letters.keys() == expected.bad.keys(), _differing(letters, expected.bad)
    for place, reasons in letters.items():
        columns = expected.bad[place]
        assert len(reasons) == 1 and any(reasons[0].startswith(f"{name}: " if name else "") for name in columns), (
            place,
            reasons,
            columns,
        )
    bad = {table: sum(place[0] == table for place in letters) for table in expected.rows}
    assert counts == {table: (rows, bad[table]) for table, rows in expected.rows.items()}
