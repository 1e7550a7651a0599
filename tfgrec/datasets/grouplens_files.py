"""GroupLens' own files: ml-100k (u.data), ml-1m and ml-10m (ratings.dat), ml-latest, ml-20m and later (ratings.csv)."""

from pathlib import Path

import pandas as pd

from tfgrec.datasets.delimited_text import TextTable, read_delimited
from tfgrec.datasets.raw_ratings import SEPARATOR, RawRatings, movie_table, read_ratings, user_table

_RATING = ("user_id", "movie_id", "rating", "time")
_NO_GENRES = "(no genres listed)"


def read_ml_100k(folder: Path) -> RawRatings:
    """u.data, u.item, u.user and u.genre: a movie's genres are flags, named by u.genre.

    Raises:
      InputDataError: a file is missing or a line is wrong; names both.
    """
    ratings = read_delimited(folder / "u.data", "\t", _RATING)
    users = read_delimited(folder / "u.user", "|", ("user_id", "age", "gender", "occupation", "zip_code"))
    genres = read_delimited(folder / "u.genre", "|", ("genre", "number"))
    order = genres.numbers("number", 0, len(genres.cells) - 1, "a place of a flag in u.item").argsort()
    flags = list(genres.names("genre").iloc[order])
    columns = ("movie_id", "title", "release_date", "video_release_date", "url", *flags)
    movies = read_delimited(folder / "u.item", "|", columns)
    marked = {flag: movies.numbers(flag, 0, 1, "0 or 1") > 0 for flag in flags}
    listed = [SEPARATOR.join(flag for flag in flags if marked[flag][row]) for row in range(len(movies.cells))]
    titles = movies.texts("title")
    years = _year_of(titles).where(lambda years: years != "", movies.texts("release_date").str[-4:])
    return RawRatings(
        _read(ratings),
        _users(users),
        movie_table(movies.distinct("movie_id"), title=titles, year=years, genres=pd.Series(listed)),
    )


def read_double_colon(folder: Path) -> RawRatings:
    """ratings.dat, movies.dat and, where there is one, users.dat, cells between `::`.

    Raises:
      InputDataError: a file is missing or a line is wrong; names both.
    """
    ratings = _read(read_delimited(folder / "ratings.dat", "::", _RATING))
    movies = read_delimited(folder / "movies.dat", "::", ("movie_id", "title", "genres"))
    users = user_table(pd.Series(dtype=str))
    if (folder / "users.dat").exists():
        columns = ("user_id", "gender", "age", "occupation", "zip_code")
        users = _users(read_delimited(folder / "users.dat", "::", columns))
    return RawRatings(ratings, users, _movies(movies, "movie_id"))


def read_csv_files(folder: Path) -> RawRatings:
    """ratings.csv and movies.csv, which tell nothing of users.

    Raises:
      InputDataError: a file is missing or a line is wrong; names both.
    """
    ratings = read_delimited(folder / "ratings.csv", ",", quoted=True)
    movies = read_delimited(folder / "movies.csv", ",", quoted=True)
    return RawRatings(
        read_ratings(ratings, user="userId", movie="movieId", rating="rating", time="timestamp"),
        user_table(pd.Series(dtype=str)),
        _movies(movies, "movieId"),
    )


def _read(table: TextTable) -> pd.DataFrame:
    return read_ratings(table, user="user_id", movie="movie_id", rating="rating", time="time")


def _users(table: TextTable) -> pd.DataFrame:
    columns = ("age", "gender", "occupation", "zip_code")
    return user_table(table.distinct("user_id"), **{name: table.texts(name) for name in columns})


def _movies(table: TextTable, id_column: str) -> pd.DataFrame:
    titles = table.texts("title")
    return movie_table(
        table.distinct(id_column),
        title=titles,
        year=_year_of(titles),
        genres=table.texts("genres").replace(_NO_GENRES, ""),
        directors=table.texts("directors", "director"),
        actors=table.texts("actors", "actor"),
    )


def _year_of(titles: pd.Series) -> pd.Series:
    """The year in brackets at a title's end, empty where there is none."""
    return titles.str.extract(r"\((\d{4})\)\s*$", expand=False).fillna("")
