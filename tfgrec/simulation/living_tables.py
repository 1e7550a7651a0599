"""What a living world's days become in the tables that schemas/short_video reads: a file a day."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tfgrec.config.world import DOMAINS, LIVE, VIDEO
from tfgrec.simulation.interactions import Interactions
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS
from tfgrec.simulation.tables import follows_table, log_table, raw_item_ids
from tfgrec.simulation.world import World

HOUR_COLUMN = "world_hour"
"""Hours since the world's first midnight: what a day's training and validation are split by."""
ITEM_COLUMNS = {VIDEO: "video_id", LIVE: "room_id"}
LOGS = {VIDEO: "video_views", LIVE: "live_visits"}
FOLLOWS = "follows"


def event_tables(world: World, impressions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of the log tables, by the tables' names; tables without rows are left out.

    Args:
      world: whose ids they get.
      impressions: as of `tfgrec.experiment.day_of_sessions.live_day`.
    """
    item_ids = raw_item_ids(world)
    by_domain = {domain: _of_domain(impressions, domain) for domain in DOMAINS}
    tables = {}
    for domain, of_domain in by_domain.items():
        table = log_table(world, of_domain, ITEM_COLUMNS[domain], item_ids[domain])
        hours = (of_domain.times - FIRST_DAY_MS) // (DAY_MS // 24)
        tables[LOGS[domain]] = table.assign(**{HOUR_COLUMN: hours})
    tables[FOLLOWS] = follows_table(world, by_domain)
    return {name: table for name, table in tables.items() if len(table)}


def write_day_schema(source: Path, target: Path) -> None:
    """Copies a schema folder, with the logs being folders of a file a day in place of one file."""
    target.mkdir(parents=True, exist_ok=True)
    tables = yaml.safe_load((source / "tables.yaml").read_text(encoding="utf-8"))
    for name in _log_names():
        tables["tables"][name]["path"] = f"{name}/*.parquet"
    (target / "graph.pbtxt").write_text((source / "graph.pbtxt").read_text(encoding="utf-8"), encoding="utf-8")
    (target / "tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False), encoding="utf-8")


def _log_names() -> Iterable[str]:
    return [*LOGS.values(), FOLLOWS]


def _of_domain(impressions: pd.DataFrame, domain: str) -> Interactions:
    rows = impressions[impressions["domain"] == domain]
    columns = {"users": "user", "items": "item", "times": "time_ms", "days": "day", "scenarios": "scenario"}
    names = [field.name for field in dataclasses.fields(Interactions)]
    values = {name: rows[columns.get(name, name)].to_numpy() for name in names}
    kinds = {"users": np.int64, "items": np.int64}
    return Interactions(**{name: array.astype(kinds.get(name, array.dtype)) for name, array in values.items()})
