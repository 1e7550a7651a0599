"""Days of a living world as tables: rows of the log that say what was shown, and a schema that reads a file a day."""

from pathlib import Path

import numpy as np
import pytest

from tfgrec.config import load_tables_config
from tfgrec.config.living_world import LivingSettings
from tfgrec.config.tables import as_column
from tfgrec.experiment.day_of_sessions import live_day
from tfgrec.experiment.policies import RandomPolicy
from tfgrec.simulation import WorldSettings, create_world
from tfgrec.simulation.living_tables import HOUR_COLUMN, event_tables, write_day_schema
from tfgrec.simulation.living_world import LivingWorld
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS

SCHEMA = Path(__file__).parents[2] / "schemas" / "short_video"


@pytest.fixture(scope="module")
def day():
    settings = WorldSettings(users=200, videos=80, live_rooms=20, authors=20, days=2)
    world = LivingWorld(create_world(settings), LivingSettings())
    sessions = world.sessions(1, np.zeros(200))
    policies = {"random": RandomPolicy(seed=1)}
    return world, live_day(world, 1, sessions, arms=np.zeros(200, int), policies=policies, blocks=1)


def test_rows_are_the_impressions(day):
    world, impressions = day
    tables = event_tables(world.world, impressions)
    views, videos = tables["video_views"], impressions[impressions["domain"] == "video"]
    assert len(views) + len(tables["live_visits"]) == len(impressions)
    assert (views["user_id"].to_numpy() == world.world.user_ids[videos["user"]]).all()
    assert (views["video_id"].to_numpy() == world.world.catalogues["video"].ids[videos["item"].astype(int)]).all()
    assert (views["is_click"].to_numpy() == videos["is_click"]).all() and views["is_click"].mean() > 0.1
    assert (views[HOUR_COLUMN] == (views["time_ms"] - FIRST_DAY_MS) * 24 // DAY_MS).all()
    assert views[HOUR_COLUMN].between(24, 47).all()
    assert len(tables["follows"]) <= impressions["follows"].sum()


def test_tables_without_rows_are_left_out(day):
    world, impressions = day
    assert event_tables(world.world, impressions[impressions["domain"] == "nothing"]) == {}


def test_the_schema_reads_a_file_a_day(day, tmp_path):
    write_day_schema(SCHEMA, tmp_path)
    config, original = load_tables_config(tmp_path), load_tables_config(SCHEMA)
    assert config.tables["video_views"].path == "video_views/*.parquet"
    assert config.tables["users"] == original.tables["users"] and config.edge_sets == original.edge_sets
    tables = event_tables(day[0].world, day[1])
    for source in config.requests.sources:
        labels = {as_column(column).column for column in config.requests.labels.values()}
        assert {source.user, source.item, *source.group_by, *labels} <= set(tables[source.table])
