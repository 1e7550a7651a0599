"""What all sources of ratings are read into, before anything is derived from it."""

import dataclasses

import pandas as pd

from tfgrec.datasets.delimited_text import TextTable

# Between the values of a cell that has several.
SEPARATOR = "|"
# 1971 and 2200: what the graph store takes for a time.
_FIRST_SECOND, _LAST_SECOND = 31_536_000, 7_258_118_400


@dataclasses.dataclass(frozen=True)
class RawRatings:
    """The tables of a source. Ids are text; what a source does not tell is empty.

    Attributes:
      ratings: user_id, movie_id, rating (stars, float64), time (seconds since 1970, int64).
      users: user_id, age, gender, occupation, zip_code, all text.
      movies: movie_id, title, year, genres, directors, actors, all text; several values stand between `|`.
    """

    ratings: pd.DataFrame
    users: pd.DataFrame
    movies: pd.DataFrame


def read_ratings(table: TextTable, *, user: str, movie: str, rating: str, time: str) -> pd.DataFrame:
    """The ratings of a file; the arguments name its columns.

    Raises:
      InputDataError: names the file and the first line without an id, with a rating beyond 0 to 5 stars, or a time that
        is none.
    """
    return pd.DataFrame(
        {
            "user_id": table.names(user),
            "movie_id": table.names(movie),
            "rating": table.numbers(rating, 0, 5, "a number of stars from 0 to 5"),
            "time": table.numbers(time, _FIRST_SECOND, _LAST_SECOND, "a time in seconds since 1970").astype("int64"),
        }
    )


def user_table(user_ids: pd.Series, **columns: pd.Series) -> pd.DataFrame:
    """A table of users with the columns of `RawRatings.users`, empty where not given."""
    return _with_all(user_ids, "user_id", ("age", "gender", "occupation", "zip_code"), columns)


def movie_table(movie_ids: pd.Series, **columns: pd.Series) -> pd.DataFrame:
    """A table of movies with the columns of `RawRatings.movies`, empty where not given."""
    return _with_all(movie_ids, "movie_id", ("title", "year", "genres", "directors", "actors"), columns)


def _with_all(ids: pd.Series, id_name: str, names: tuple[str, ...], columns: dict[str, pd.Series]) -> pd.DataFrame:
    return pd.DataFrame({id_name: ids, **{name: columns.get(name, "") for name in names}}, dtype=str)
