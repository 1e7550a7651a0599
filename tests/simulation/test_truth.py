"""The truth: written beside the tables for evaluation, and read by nothing that trains."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfgrec.config import load_run_config, load_tables_config
from tfgrec.data.table_paths import TablePath
from tfgrec.simulation import WorldSettings, create_world, simulate_interactions, write_tables
from tfgrec.simulation.tables import TRUTH

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    world = create_world(WorldSettings(users=300, videos=100, live_rooms=40, authors=20, impressions=9_000))
    write_tables(world, simulate_interactions(world), folder)
    return folder


def test_each_impression_of_the_logs_has_its_click_probability(folder: Path) -> None:
    truth = pd.read_parquet(folder / TRUTH)
    assert list(truth) == ["user", "item", "domain", "time_ms", "click_probability"]
    videos = pd.read_parquet(folder / "video_views.parquet").assign(domain="video")
    rooms = pd.read_parquet(folder / "live_visits.parquet").assign(domain="live")
    log = pd.concat([videos.rename(columns={"video_id": "item"}), rooms.rename(columns={"room_id": "item"})])
    log["item"] = log["item"].astype(str)
    joined = log.rename(columns={"user_id": "user"}).merge(
        truth, on=["user", "item", "domain", "time_ms"], validate="one_to_one"
    )
    assert len(joined) == len(log) == len(truth)
    # Clicks are as many as the truth says in each tenth of it: 900 rows, a standard error of at most .017.
    tenth = pd.qcut(joined["click_probability"], 10)
    found = joined.groupby(tenth, observed=True)[["is_click", "click_probability"]].mean()
    np.testing.assert_allclose(found["is_click"], found["click_probability"], atol=0.06)


def test_no_schema_reads_the_truth(folder: Path) -> None:
    schemas = sorted(path.parent for path in (ROOT / "schemas").glob("*/tables.yaml"))
    assert schemas
    for schema in schemas:
        for table in load_tables_config(schema).tables.values():
            assert folder / TRUTH not in TablePath(table.path).find(folder)


def test_the_demo_names_no_column_of_the_truth() -> None:
    config = load_run_config(ROOT / "configs" / "demo.yaml")
    assert "click_probability" not in config.model_dump_json()
    assert "click_probability" not in (Path(config.schema_dir) / "tables.yaml").read_text()
