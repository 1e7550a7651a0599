"""KuaiRec as tables that schemas/kuairec reads: a log, and requests that resemble what the experiment will ask.

The log has no view of the experiment's pairs: its 1,411 users show there by other videos alone. Requests to learn from
are made alike. Some other users, the learners, lose their views of the experiment's videos but for a few; these become
requests of the last week, each among videos that the learner never watched twice. Times are moved so that the log
ends where the experiment begins.
"""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from tfgrec.errors import InputDataError
from tfgrec.files import write_atomically
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS

DAYS_OF_REQUESTS = 7
USERS, CATEGORIES = "user_features.parquet", "item_categories.parquet"
_NUM_USER_COLUMNS = ("follow_user_num", "fans_user_num", "friend_user_num", "register_days")
_USER_COLUMNS = ("user_id", "user_active_degree", "is_live_streamer", "is_video_author", *_NUM_USER_COLUMNS)


def write_tables(
    source: Path,
    output: Path,
    *,
    log: pd.DataFrame,
    users: np.ndarray,
    videos: np.ndarray,
    learners: int = 2_000,
    requests_per_learner: int = 20,
    candidates: int = 8,
    seed: int = 0,
) -> None:
    """Writes users, videos, views and requests.

    Args:
      source: the folder of KuaiRec's tables.
      output: where tables go.
      log: views in order: user_id, video_id, pseudo_time (s).
      users: ids of the experiment's users.
      videos: ids of the experiment's videos.
      learners: how many other users requests are made of.
      requests_per_learner: at most.
      candidates: of a request, one of which was watched more than twice.
      seed: of what is drawn.

    Raises:
      InputDataError: a table is missing.
    """
    for name in (USERS, CATEGORIES):
        if not (source / name).exists():
            raise InputDataError(f"--data {source}: has no {name}")
    generator = np.random.default_rng(seed)
    views = _dated(log)
    others = np.setdiff1d(views["user_id"].unique(), users)
    drawn = generator.choice(others, size=min(learners, len(others)), replace=False)
    hidden = views["user_id"].isin(drawn) & views["video_id"].isin(videos)
    asked = _asked(views[hidden], requests_per_learner, generator)
    seen = pd.concat([views[~hidden], asked]).sort_values(["time_ms", "user_id"], ignore_index=True)
    tables = {
        "users": pd.read_parquet(source / USERS, columns=list(_USER_COLUMNS)),
        "videos": _videos(source),
        "views": seen,
        "requests": _requests(asked, views, videos, candidates, generator),
    }
    for name, table in tables.items():
        write_atomically(output / f"{name}.parquet", functools.partial(table.to_parquet, index=False))


def _dated(log: pd.DataFrame) -> pd.DataFrame:
    """Views with `time_ms`, of which the last is a second before the experiment."""
    seconds = log["pseudo_time"].to_numpy(np.int64)
    times = FIRST_DAY_MS - 1_000 * (seconds.max() + 1 - seconds)
    return pd.DataFrame({"user_id": log["user_id"], "video_id": log["video_id"], "time_ms": times})


def _asked(hidden: pd.DataFrame, most: int, generator: np.random.Generator) -> pd.DataFrame:
    """Some of the hidden views, at moments of the last week."""
    shuffled = hidden.iloc[generator.permutation(len(hidden))]
    chosen = shuffled.groupby("user_id").head(most)
    times = FIRST_DAY_MS - generator.integers(1, DAYS_OF_REQUESTS * DAY_MS, len(chosen))
    return chosen.assign(time_ms=times).drop_duplicates(["user_id", "time_ms"])


def _requests(
    asked: pd.DataFrame, views: pd.DataFrame, videos: np.ndarray, candidates: int, generator: np.random.Generator
) -> pd.DataFrame:
    """A row a candidate: user_id, video_id, time_ms, day (0 to 6), watched_twice."""
    drawn = videos[generator.integers(0, len(videos), (len(asked), candidates - 1))]
    rows = pd.DataFrame(
        {
            "user_id": np.repeat(asked["user_id"].to_numpy(), candidates),
            "video_id": np.column_stack([asked["video_id"], drawn]).ravel(),
            "time_ms": np.repeat(asked["time_ms"].to_numpy(), candidates),
            "watched_twice": np.tile(np.arange(candidates) == 0, len(asked)).astype(np.int64),
        }
    )
    known = pd.MultiIndex.from_frame(views[["user_id", "video_id"]])
    wrong = pd.MultiIndex.from_frame(rows[["user_id", "video_id"]]).isin(known) & (rows["watched_twice"] == 0)
    rows = rows[~wrong].drop_duplicates(["user_id", "time_ms", "video_id"])
    day = (rows["time_ms"] - FIRST_DAY_MS) // DAY_MS + DAYS_OF_REQUESTS
    return rows.assign(day=day).sort_values(["time_ms", "user_id"], ignore_index=True)


def _videos(source: Path) -> pd.DataFrame:
    table = pd.read_parquet(source / CATEGORIES)
    categories = table.pop("category").map(lambda values: ",".join(str(value) for value in values))
    return table.assign(categories=categories)
