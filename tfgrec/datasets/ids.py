"""Ids of users and movies: each that is rated or rates has a row, and all are whole numbers."""

import dataclasses

import pandas as pd

from tfgrec.datasets.raw_ratings import RawRatings


def complete_ids(raw: RawRatings) -> tuple[RawRatings, list[str]]:
    """The same with a row for each user and movie that only ratings name, its other cells empty; and what to tell."""
    notes = []
    for key, name in (("user_id", "users"), ("movie_id", "movies")):
        table = getattr(raw, name)
        strangers = pd.Index(raw.ratings[key].unique()).difference(table[key], sort=False)
        if len(strangers):
            added = pd.DataFrame({column: strangers if column == key else "" for column in table}, dtype=str)
            raw = dataclasses.replace(raw, **{name: pd.concat([table, added], ignore_index=True)})
            notes.append(f"{name}: {len(strangers):,} that only ratings name were added, with nothing known of them")
    return raw, notes


def number_ids(raw: RawRatings) -> tuple[RawRatings, list[str]]:
    """The same with ids of int64; and what to tell. All ids of ratings have a row.

    Ids that are whole numbers stay what they are. Where there are others, all of that table are numbered in the order
    of their texts, and the table has a column `source_id`.
    """
    notes = []
    for key, name in (("user_id", "users"), ("movie_id", "movies")):
        table = getattr(raw, name)
        known = pd.Index(table[key]).sort_values()
        whole = known.str.fullmatch(r"0|[1-9][0-9]{0,17}").astype(bool)
        numbers = known.astype("int64") if whole.all() else pd.RangeIndex(1, len(known) + 1)
        numbered = dict(zip(known, numbers, strict=True))
        if not whole.all():
            table = table.assign(source_id=table[key])
            notes.append(f"{name}: ids such as '{known[~whole][0]}' are no numbers; numbered anew, see source_id")
        table = table.assign(**{key: table[key].map(numbered).astype("int64")})
        ratings = raw.ratings.assign(**{key: raw.ratings[key].map(numbered).astype("int64")})
        raw = dataclasses.replace(raw, ratings=ratings, **{name: table})
    return raw, notes
