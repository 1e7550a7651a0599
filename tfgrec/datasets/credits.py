"""credits.csv beside a source's files: who directed and who played, for sources that do not say so themselves."""

from pathlib import Path

import pandas as pd

from tfgrec.datasets.delimited_text import read_delimited
from tfgrec.errors import InputDataError

FILE = "credits.csv"
_PEOPLE = ("directors", "actors")


def add_credits(movies: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Movies with the directors and actors that `credits.csv` names, where there is such a file; and what to tell.

    Its columns are `movie_id` and one or both of `directors` and `actors`, with names between `|`.

    Raises:
      InputDataError: the file has other columns, an empty id, or one twice.
    """
    path = folder / FILE
    if not path.exists():
        return movies, []
    table = read_delimited(path, ",", quoted=True)
    ids = table.distinct("movie_id")
    given = [name for name in _PEOPLE if name in table]
    if not given:
        raise InputDataError(f"{path}: a column directors or actors is wanted beside movie_id")
    movies = movies.copy()
    for name in given:
        found = movies["movie_id"].map(dict(zip(ids, table.texts(name), strict=True))).fillna("")
        movies[name] = found.where(found != "", movies[name])
    strangers = int((~ids.isin(movies["movie_id"])).sum())
    return movies, [f"{FILE}: {strangers:,} movies that the source does not have were left out"] if strangers else []
