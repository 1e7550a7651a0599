"""Writes a simulated world as the tables that schemas/short_video reads."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from tfgrec.config.world import LIVE, SCENARIOS, VIDEO
from tfgrec.errors import InputDataError
from tfgrec.files import write_atomically, write_json
from tfgrec.simulation.interactions import Interactions
from tfgrec.simulation.observation import observe_live_rooms, observe_users, observe_videos, room_ids
from tfgrec.simulation.world import World

MARKER = "simulation.json"
TRUTH = "truth.parquet"
"""What only the world knows of each impression: for evaluation, and in no schema's tables.yaml."""


def write_tables(world: World, interactions: dict[str, Interactions], output: str | Path) -> dict[str, int]:
    """Writes all tables of a world; returns the number of rows of each, by file name.

    The marker file holds the settings, and shows that the folder is ours to write again.

    Raises:
      InputDataError: `output` has files that no simulation wrote.
    """
    output = Path(output)
    _check_ours(output)
    settings = world.settings.model_dump(mode="json")
    write_json(output / MARKER, {"finished": False, "settings": settings})
    tables = _tables(world, interactions)
    for name, table in tables.items():
        write = table.to_csv if name.endswith(".csv") else table.to_parquet
        write_atomically(output / name, functools.partial(write, index=False))
    rows = {name: len(table) for name, table in tables.items()}
    write_json(output / MARKER, {"finished": True, "settings": settings, "rows": rows})
    return rows


def _tables(world: World, interactions: dict[str, Interactions]) -> dict[str, pd.DataFrame]:
    item_ids = raw_item_ids(world)
    return {
        **node_tables(world),
        "video_views.parquet": log_table(world, interactions[VIDEO], "video_id", item_ids[VIDEO]),
        "live_visits.parquet": log_table(world, interactions[LIVE], "room_id", item_ids[LIVE]),
        "follows.parquet": follows_table(world, interactions),
        TRUTH: _truth(world, interactions, item_ids),
    }


def node_tables(world: World) -> dict[str, pd.DataFrame]:
    """The tables of users, authors and items, by file name."""
    return {
        "users.csv": observe_users(world),
        "authors.csv": pd.DataFrame({"author_id": world.author_ids}),
        "videos.csv": observe_videos(world, world.catalogues[VIDEO]),
        "live_rooms.csv": observe_live_rooms(world, world.catalogues[LIVE]),
    }


def raw_item_ids(world: World) -> dict[str, np.ndarray]:
    """The ids that tables have of items, by domain."""
    return {VIDEO: world.catalogues[VIDEO].ids, LIVE: room_ids(world.catalogues[LIVE])}


def log_table(world: World, impressions: Interactions, item_column: str, item_ids: np.ndarray) -> pd.DataFrame:
    """One row an impression of one domain."""
    return pd.DataFrame(
        {
            "user_id": world.user_ids[impressions.users],
            item_column: item_ids[impressions.items],
            "time_ms": impressions.times,
            "day": impressions.days,
            "scenario": np.array([scenario.name for scenario in SCENARIOS])[impressions.scenarios],
            "is_click": impressions.is_click.astype(np.int64),
            "long_view": impressions.long_view.astype(np.int64),
            "is_like": impressions.is_like.astype(np.int64),
            "watch_time_ms": impressions.watch_time_ms,
        }
    )


def follows_table(world: World, interactions: dict[str, Interactions]) -> pd.DataFrame:
    """Who began to follow whom, at the end of the watching that made them; the first time only."""
    parts = []
    for domain, impressions in interactions.items():
        chosen = impressions.follows
        authors = world.catalogues[domain].authors[impressions.items[chosen]]
        parts.append(
            pd.DataFrame(
                {
                    "user_id": world.user_ids[impressions.users[chosen]],
                    "author_id": world.author_ids[authors],
                    "time_ms": impressions.times[chosen] + impressions.watch_time_ms[chosen],
                }
            )
        )
    follows = pd.concat(parts).sort_values("time_ms", kind="stable", ignore_index=True)
    return follows.drop_duplicates(["user_id", "author_id"], ignore_index=True)


def _truth(world: World, interactions: dict[str, Interactions], item_ids: dict[str, np.ndarray]) -> pd.DataFrame:
    """The click probability of every impression; ids of items are text, since they are of all domains."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "user": world.user_ids[impressions.users],
                    "item": item_ids[domain][impressions.items].astype(str).astype(object),
                    "domain": domain,
                    "time_ms": impressions.times,
                    "click_probability": impressions.click_probability,
                }
            )
            for domain, impressions in interactions.items()
        ],
        ignore_index=True,
    )


def _check_ours(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise InputDataError(f"{output}: is a file, a folder is wanted")
    if output.is_dir() and any(output.iterdir()) and not (output / MARKER).exists():
        raise InputDataError(
            f"{output}: is not empty and was not written by tfgrec-simulate (it has no {MARKER}); name another folder"
        )
