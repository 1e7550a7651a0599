"""What each arm showed: how much of the catalogue, how popular, how new, and how varied within a session."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfgrec.experiment.online_experiment import OnlineExperiment

# An item is new for as many days.
NEW_DAYS = 3


def shown_items(experiment: OnlineExperiment, frames: Sequence[pd.DataFrame]) -> dict[str, dict[str, float]]:
    """By arm.

    `coverage`: the share of items, of those that were there at the end, that it showed to anybody; arms with more users
    cover more. `popularity`: the mean share of items that are less popular than what was shown. `novelty`: the share of
    impressions of items not older than NEW_DAYS. `genres_per_session`: distinct genres, of sessions with four
    impressions or more, by their first four. `authors` that got impressions, as a share of all.
    """
    impressions = pd.concat(frames, ignore_index=True)
    catalogues = experiment.world.world.catalogues
    columns = {"rank": np.zeros(len(impressions)), "first_day": np.zeros(len(impressions))}
    columns |= {"genre": np.zeros(len(impressions), int), "author": np.zeros(len(impressions), int)}
    present = 0
    for domain, catalogue in catalogues.items():
        rows = (impressions["domain"] == domain).to_numpy()
        items = impressions.loc[rows, "item"].to_numpy()
        ranks = np.argsort(np.argsort(catalogue.popularity)) / len(catalogue.ids)
        columns["rank"][rows], columns["first_day"][rows] = ranks[items], catalogue.first_day[items]
        columns["genre"][rows], columns["author"][rows] = catalogue.genres[items], catalogue.authors[items]
        present += int((catalogue.first_day < experiment.days.stop).sum())
    impressions = impressions.assign(**columns)
    authors = len(experiment.world.world.author_ids)
    return {
        arm: _of_arm(impressions[impressions["arm"] == position], present, authors)
        for position, arm in enumerate(experiment.arms)
    }


def _of_arm(impressions: pd.DataFrame, present: int, authors: int) -> dict[str, float]:
    keys = ["day", "user", "session"]
    first = impressions[impressions["place"] < 4]
    sessions = first.groupby(keys)["genre"].agg(["nunique", "size"])
    long_enough = sessions.loc[sessions["size"] == 4, "nunique"]
    return {
        "coverage": len(impressions[["domain", "item"]].drop_duplicates()) / present,
        "popularity": float(impressions["rank"].mean()),
        "novelty": float((impressions["day"] - impressions["first_day"] < NEW_DAYS).mean()),
        "genres_per_session": float(long_enough.mean()),
        "authors": impressions["author"].nunique() / authors,
    }
