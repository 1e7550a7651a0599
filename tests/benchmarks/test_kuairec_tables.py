"""KuaiRec's tables resemble what the experiment asks, and a model learns from them and is served."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.kuairec_experiment import BIG, SMALL, main, read_kuairec
from benchmarks.kuairec_tables import CATEGORIES, DAYS_OF_REQUESTS, USERS, write_tables
from tfgrec.checks.preflight import check_run
from tfgrec.checks.tables_check import check_tables
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS

CONFIG = Path(__file__).parents[2] / "configs" / "kuairec.yaml"
ASKED_USERS, OTHER_USERS, ASKED_VIDEOS, OTHER_VIDEOS = 30, 90, 60, 60
TINY = [
    "build.shards=1",
    "sampling.output_shards=1",
    "sampling.hops=[{watched: 3, in_category: 1}]",
    "model.encoder={units: 8}",
    "model.towers={bottom_units: [8], task_units: [4], cross_layers: 1}",
    "export.warm_up_requests=0",
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world in which people of two kinds watch videos of their kind, as KuaiRec's tables say it."""
    folder, generator = tmp_path_factory.mktemp("kuairec"), np.random.default_rng(0)
    num_users, num_videos = ASKED_USERS + OTHER_USERS, ASKED_VIDEOS + OTHER_VIDEOS
    alike = np.arange(num_users)[:, np.newaxis] % 2 == np.arange(num_videos) % 2
    watched = generator.random((num_users, num_videos)) < np.where(alike, 0.4, 0.02)
    asked = (np.arange(num_users) < ASKED_USERS)[:, np.newaxis] & (np.arange(num_videos) < ASKED_VIDEOS)
    users, videos = np.nonzero(watched & ~asked)
    log = pd.DataFrame({"user_id": users, "video_id": videos})
    seconds = 1_593_900_000 + generator.integers(0, 60 * 86_400, len(log))
    log["pseudo_time"] = pd.array(np.where(generator.random(len(log)) < 0.1, None, seconds), dtype="Int64")
    log.to_parquet(folder / BIG)
    users, videos = np.nonzero(asked)
    small = {"user_id": users, "video_id": videos, "watched_twice": watched[asked].astype(int)}
    pd.DataFrame(small).to_parquet(folder / SMALL)
    categories = {"category": [[int(video % 2), 7] for video in range(num_videos)]}
    levels = {f"{name}_level_category_id": np.arange(num_videos) % 5 for name in ("first", "second", "third")}
    pd.DataFrame({"video_id": np.arange(num_videos), **categories, **levels}).to_parquet(folder / CATEGORIES)
    numbers = ("follow_user_num", "fans_user_num", "friend_user_num", "register_days")
    flags = {"is_live_streamer": 0, "is_video_author": 1, "user_active_degree": "full_active"}
    columns = {name: np.arange(num_users) for name in ("user_id", *numbers)}
    pd.DataFrame({**columns, **flags}).to_parquet(folder / USERS)
    return folder


def test_learners_are_to_the_model_what_the_experiments_users_are(source, tmp_path):
    answers, log = read_kuairec(source)
    users, videos = answers.index.to_numpy(), answers.columns.to_numpy()
    options = dict(log=log, users=users, videos=videos, learners=40, requests_per_learner=5, candidates=6)
    write_tables(source, tmp_path, **options)
    views, requests = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("views", "requests"))
    assert views["time_ms"].max() < FIRST_DAY_MS and requests["time_ms"].max() < FIRST_DAY_MS
    assert requests["day"].between(0, DAYS_OF_REQUESTS - 1).all()
    assert (requests["time_ms"] // DAY_MS - FIRST_DAY_MS // DAY_MS + DAYS_OF_REQUESTS == requests["day"]).all()
    learners = requests["user_id"].unique()
    assert len(learners) == 40 and not np.isin(learners, users).any() and requests["video_id"].isin(videos).all()
    # Of the experiment's videos a learner's past has what was asked for, and nothing else.
    taken = requests[requests["watched_twice"] == 1]
    past = views[views["user_id"].isin(learners) & views["video_id"].isin(videos)]
    pairs = ["user_id", "video_id", "time_ms"]
    pd.testing.assert_frame_equal(*(table[pairs].sort_values(pairs, ignore_index=True) for table in (past, taken)))
    assert (taken.groupby("user_id").size() <= 5).all() and (taken.groupby(["user_id", "time_ms"]).size() == 1).all()
    known = pd.MultiIndex.from_frame(log[["user_id", "video_id"]])
    assert not pd.MultiIndex.from_frame(requests.loc[requests["watched_twice"] == 0, pairs[:2]]).isin(known).any()
    others = log[~log["user_id"].isin(learners)]
    assert len(views) == len(others) + (log["user_id"].isin(learners) & ~log["video_id"].isin(videos)).sum() + len(
        taken
    )


def test_configuration_and_schema_fit():
    config = load_run_config(CONFIG)
    tables = load_tables_config(config.schema_dir)
    check_tables(read_graph_schema(Path(config.schema_dir) / "graph.pbtxt"), tables, "tables.yaml")
    check_run(config, tables)


@pytest.mark.slow
def test_a_model_finds_what_people_like(source, tmp_path):
    file = tmp_path / "found.json"
    options = ["--data", str(source), "--days", "2", "--rank", "2", "--json", str(file), "--set", *TINY]
    main([*options, "--models", "no_graph", "--work-dir", str(tmp_path / "work")])
    found = json.loads(file.read_text())
    shares = {name: arm["watched_twice"] for name, arm in found["arms"].items()}
    assert shares["random"] < shares["no_graph"] < shares["oracle"]
    cost = found["cost"]["no_graph"]
    assert cost["failed"] == 0 and cost["requests"] == 2 * 5 * ASKED_USERS
    against = found["paired"]["no_graph"]["random"]
    assert against["low"] < against["relative"] < against["high"]
    assert against["relative"] == pytest.approx(100 * (shares["no_graph"] / shares["random"] - 1))
