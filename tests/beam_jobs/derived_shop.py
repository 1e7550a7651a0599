"""The small app with derived edges: co-watched videos, rooms that go with videos, and Swing among videos."""

import dataclasses
from typing import Any

from shop_tables import CLICK_DELAY, INTEGER, NUMBER, SCHEMA, TABLES, run_config, tables_config

from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.schema import TIME, EdgeSet, GraphSchema

DERIVED: dict[str, tuple[EdgeSet, dict[str, Any]]] = {
    name: (EdgeSet("video", target, {TIME: INTEGER, "weight": NUMBER}), {"derived": {"refresh_seconds": 3_600, **of}})
    for name, target, of in (
        ("co_watched", "video", {"kind": "co_watch", "from": "watched"}),
        ("room_for", "room", {"kind": "co_watch", "from": "clicked", "to": "visited", "within_seconds": 1_800}),
        ("alike", "video", {"kind": "swing", "from": "watched", "max_neighbours": 3, "history_seconds": 7_200}),
    )
}
DERIVED_DELAYS = {"co_watched": 0, "room_for": CLICK_DELAY, "alike": 0}


def derived_schema(*names: str) -> GraphSchema:
    """The schema with these derived edge sets."""
    return dataclasses.replace(SCHEMA, edge_sets={**SCHEMA.edge_sets, **{name: DERIVED[name][0] for name in names}})


def derived_tables(*names: str, **changes: Any) -> TablesConfig:
    """The tables with these derived edge sets; `changes` are keys of all of them."""
    edge_sets = {name: {"derived": {**DERIVED[name][1]["derived"], **changes}} for name in names}
    return tables_config(edge_sets={**TABLES["edge_sets"], **edge_sets})


def derived_run() -> RunConfig:
    """A run that samples the newest lists of co-watched videos and of rooms."""
    newest = {"strategy": "top_by_weight", "weight": "weight"}
    hops = [
        {
            "watched": 3,
            "co_watched": {"fan_out": 4, "window_seconds": 3_600, **newest},
            "room_for": {"fan_out": 4, "window_seconds": 3_605, **newest},
        }
    ]
    return run_config(sampling={"hops": hops})
