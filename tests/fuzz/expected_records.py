"""The requests that a whole input has, with labels and exact counts, in plain Python, as docs/your_data.md says."""

import math
from typing import Any

import documented_cells as docs
import numpy as np
from documented_cells import BAD, EMPTY, Said
from expected_results import Expected, Row, Use, check_shares, id_reader, refuse_faults, text_id, timed_rows
from whole_inputs import WholeInput


def expected_records(world: WholeInput, graph: Expected) -> Expected:
    """What beam_jobs.sample_subgraphs makes of an input and its graph."""
    expected = Expected()
    refuse_faults(world, expected, {"clips"})
    requests: dict[tuple, list] = {}
    for source, table in enumerate(("views", "clips")):
        columns = ("user_id", "item_id", "day", "bought", "place")
        for row, at in timed_rows(world, expected, table, *columns):
            _add_candidate(world, graph, expected, row, at, source, requests)
    check_shares(world, expected, ("views", "clips"))
    times = {split: [key[1] for key in requests if key[0] == split] for split in ("train", "validation")}
    for split, found in times.items():
        if not found:
            expected.refusals.append((f"split.{split}", "'day'"))
    if all(times.values()) and max(times["train"]) - min(times["validation"]) > world.overlap_seconds * 1_000:
        expected.refusals.append(("split: column 'day'",))
    expected.requests = [
        (split, user, at, sorted(candidates, key=repr)) for (split, at, _, user, _), candidates in requests.items()
    ]
    return expected


def _add_candidate(
    world: WholeInput, graph: Expected, expected: Expected, row: Row, at: int, source: int, requests: dict
) -> None:
    use, day, split = Use(expected, row), row.cell("day"), None
    for name, bounds in world.split.items():
        inside = docs.within(day, *bounds)
        if isinstance(inside, Said):
            use.reject("day")
        elif inside:
            split = name
    if split is None:
        return
    user, item = use.read("user_id", id_reader(world, "user")), use.read("item_id", id_reader(world, "item"))
    for column, node_set, value in (("user_id", "user", user), ("item_id", "item", item)):
        if value is not None and value not in graph.nodes[node_set]:
            use.reject(column)
    group = use.read("place", text_id, "") if "place" in world.group_by and source == 0 else ""
    place = use.read("place", docs.text, world.missing.get("place"))
    label = docs.number(row.cell("bought"))
    if label is BAD:
        use.reject("bought")
    if use.good:
        values = {"hour": at // 3_600_000 % 24, "place": place, "bought": None if label is EMPTY else label}
        candidate = (item, tuple(sorted({**values, **_degrees(world, graph, user, item, at)}.items())))
        requests.setdefault((split, at, source, user, group), []).append(candidate)


def _degrees(world: WholeInput, graph: Expected, user: Any, item: Any, at: int) -> dict[str, float]:
    def seen(name: str, node: Any, delay: int = 0) -> list[tuple]:
        edges = graph.edges[name].items()
        return [
            edge
            for edge, count in edges
            if edge[0] == node and (edge[2] is None or edge[2] + delay < at)
            for _ in range(count)
        ]

    viewed, liked = seen("viewed", user), seen("liked", user)
    stars = [edge[3] for edge in viewed]
    ages = [at - edge[2] for edge in liked]
    found = {
        "views": len(viewed),
        "item_views": len(seen("viewed_by", item)),
        "item_bought": len(seen("bought_by", item, world.delay_seconds * 1_000)),
        "stars": math.fsum(stars) / len(stars) if stars else -1,
        "strength": math.fsum(float(edge[3]) for edge in liked),
        "liked_ago": min(ages) / 1_000 if ages else -1,
        "plays": len(seen("played", user)),
        "friends": len(seen("friend", user)),
    }
    return {name: float(np.float32(value)) for name, value in found.items()}
