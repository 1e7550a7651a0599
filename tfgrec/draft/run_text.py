"""The YAML of a run on a drafted graph, with comments."""

from collections.abc import Iterator
from typing import Any

from tfgrec.config.each import EACH, PLACE
from tfgrec.draft.drafted_graph import SHOWN, DraftedGraph, with_label
from tfgrec.draft.drafted_split import DraftedSplit
from tfgrec.draft.schema_text import plain_yaml

_SMALL_LOG = 200_000


def run_text(name: str, graph: DraftedGraph, split: DraftedSplit, first_line: str) -> str:
    """The text of the run's YAML, whose schema folder is its own, under a line for editors."""
    return "\n".join([first_line, *_lines(name, graph, split)]) + "\n"


def _lines(name: str, graph: DraftedGraph, split: DraftedSplit) -> Iterator[str]:
    roles = graph.roles
    yield "# A run's configuration, drafted by tfgrec-init. All keys that are not here have defaults: docs/model.md."
    yield f"name: {plain_yaml(name)}"
    yield "schema_dir: ."
    yield f"# guessed: the first tenth of the log is in the graph alone; {split.told}"
    ranges = {"column": split.column, "train": split.train, "validation": split.validation}
    if split.test is not None:
        ranges["test"] = split.test
    yield f"split: {plain_yaml(ranges)}"
    yield ""
    yield "sampling:"
    yield "  # How many edges are sampled: from the user and the candidates, then from what the first hop found."
    yield "  hops:"
    for hop in _hops(graph):
        yield f"    - {plain_yaml(hop)}"
    yield "  # The user's newest events, which candidates are matched with."
    yield f"  history: {plain_yaml({SHOWN: {'newest': 60}})}"
    yield ""
    yield "model:"
    yield "  fusion: {match: dot}"
    if roles.labels:
        yield "  rates:"
        for of in ("user", "item"):
            name = PLACE if len(roles.labels) > 1 else roles.labels[0]
            rate = {"of": f"{of}_{name}", "over": [f"{of}_{SHOWN}"], **({EACH: roles.labels} if name == PLACE else {})}
            yield f"    {plain_yaml(f'{of}_{name}_rate')}: {plain_yaml(rate)}"
    yield "  tasks:"
    for label in roles.labels:
        yield f"    {plain_yaml(label)}: {{label: {plain_yaml(label)}}}"
    if roles.rating is not None:
        task = {"label": roles.rating, "kind": "regression", "transform": "none"}
        yield f"    {plain_yaml(roles.rating)}: {plain_yaml(task)}"
    yield ""
    yield f"training: {{epochs: 1, batch_size: {64 if roles.log.rows < _SMALL_LOG else 256}}}"
    if roles.scenario is not None:
        yield "evaluation: {scenario: scenario}"


def _hops(graph: DraftedGraph) -> list[dict[str, Any]]:
    roles = graph.roles
    outcomes = [with_label(label) for label in roles.labels[:2]] or [SHOWN]
    first: dict[str, int] = {}
    for position, name in enumerate(outcomes):
        first |= {name: 10 if position == 0 else 5, f"{name}_by": 5 if position == 0 else 3}
    others = {
        name: edges
        for name, edges in graph.edges.items()
        if name != SHOWN and name not in map(with_label, roles.labels)
    }
    first |= {name: 5 if edges.timed else 1 for name, edges in others.items() if edges.source in _asked(graph)}
    reached = {graph.edges[name].target for name in first if name in graph.edges} | _asked(graph)
    second = {outcomes[0]: 3}
    second |= {name: 1 for name, edges in others.items() if not edges.timed and edges.source in reached}
    return [first, second]


def _asked(graph: DraftedGraph) -> set[str]:
    return {graph.roles.users.node_set, graph.roles.items.node_set}
