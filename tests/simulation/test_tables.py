"""The written tables: they agree with the world and the schema, and no folder of others is touched."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfgrec.commands.simulate import main
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.config.tables import as_column

ROOT = Path(__file__).parents[2]
SMALL = ["--users", "200", "--videos", "80", "--live-rooms", "30", "--authors", "20", "--impressions", "2000"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "data"
    assert main(["--output", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture(scope="module")
def tables(folder):
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    return {path.stem: readers[path.suffix](path) for path in folder.iterdir() if path.suffix in readers}


def test_tables_have_the_rows_that_the_marker_says(folder, tables):
    marker = json.loads((folder / "simulation.json").read_text())
    assert marker["finished"] and marker["settings"]["users"] == 200
    assert {name.split(".")[0]: rows for name, rows in marker["rows"].items()} == {
        name: len(table) for name, table in tables.items()
    }


def test_every_id_of_a_log_is_in_its_table_and_ids_are_distinct(tables):
    for table, column in [("users", "user_id"), ("videos", "video_id"), ("live_rooms", "room_id")]:
        assert tables[table][column].is_unique
    assert tables["video_views"]["user_id"].isin(tables["users"]["user_id"]).all()
    assert tables["video_views"]["video_id"].isin(tables["videos"]["video_id"]).all()
    assert tables["live_visits"]["room_id"].isin(tables["live_rooms"]["room_id"]).all()
    for made in ("videos", "live_rooms", "follows"):
        assert tables[made]["author_id"].isin(tables["authors"]["author_id"]).all()


def test_a_follow_comes_after_a_liked_impression_of_that_author(tables):
    follows = tables["follows"]
    assert not follows.duplicated(["user_id", "author_id"]).any()
    views = tables["video_views"].merge(tables["videos"], on="video_id")
    visits = tables["live_visits"].merge(tables["live_rooms"], on="room_id")
    liked = pd.concat([views, visits]).query("is_like == 1")
    pairs = follows.merge(liked, on=["user_id", "author_id"], suffixes=("", "_of_like"))
    assert (pairs["time_ms"] == pairs["time_ms_of_like"] + pairs["watch_time_ms"]).groupby(
        [pairs["user_id"], pairs["author_id"]]
    ).any().sum() == len(follows)


def test_tables_yaml_names_columns_that_exist(tables):
    config = load_tables_config(ROOT / "schemas" / "short_video")
    for name, source in config.node_sets.items():
        columns = [source.id, *source.features.values()]
        assert {as_column(column).column for column in columns} <= set(tables[source.table]), name
    for name, edges in config.edge_sets.items():
        for source in edges.sources:
            assert {as_column(source.source).column, as_column(source.target).column, *source.where} <= set(
                tables[source.table]
            ), name
    for source in config.requests.sources:
        labels = {as_column(column).column for column in config.requests.labels.values()}
        assert {source.user, source.item, *source.group_by, *labels} <= set(tables[source.table])


def test_the_demo_splits_by_days_that_are_there(tables):
    split = load_run_config(ROOT / "configs" / "demo.yaml").split
    days = tables["video_views"][split.column]
    assert split.train[0] > days.min() and split.train[1] < split.validation[0]
    assert split.validation[1] == days.max()


def test_features_tell_the_genre_as_often_as_they_should(folder, tmp_path):
    agreements = []
    for fidelity in (0.0, 0.5, 1.0):
        main(["--output", str(tmp_path / str(fidelity)), "--videos", "3000", "--feature-fidelity", str(fidelity)])
        videos = pd.read_csv(tmp_path / str(fidelity) / "videos.csv")
        first_tag = videos["tags"].str.split(",").str[0].str.removeprefix("tag_")
        agreements.append((first_tag == videos["category"].str.removeprefix("genre_")).mean())
    # Both tell the truth with that probability, and agree by chance else: p * p + (1 - p * p) / 12.
    np.testing.assert_allclose(agreements, [1 / 12, 0.25 + 0.75 / 12, 1.0], atol=0.03)


def test_an_earlier_simulation_is_replaced_and_a_foreign_folder_refused(folder, tmp_path, capsys):
    before = (folder / "video_views.parquet").read_bytes()
    (folder / "notes.txt").write_text("mine")
    assert main(["--output", str(folder), *SMALL, "--seed", "5"]) == 0
    assert (folder / "video_views.parquet").read_bytes() != before
    assert main(["--output", str(folder), *SMALL]) == 0
    assert (folder / "video_views.parquet").read_bytes() == before
    assert (folder / "notes.txt").read_text() == "mine"

    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["--output", str(tmp_path), *SMALL]) == 2
    assert "was not written by tfgrec-simulate" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_sizes_that_make_no_world_are_refused(tmp_path, capsys):
    assert main(["--output", str(tmp_path / "new"), "--live-rooms", "3"]) == 2
    assert "--live-rooms 3: Input should be greater than or equal to 20" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
