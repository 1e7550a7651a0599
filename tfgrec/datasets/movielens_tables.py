"""Makes the tables that schemas/movielens reads of what a source says."""

import numpy as np
import pandas as pd

from tfgrec.datasets.raw_ratings import SEPARATOR, RawRatings

UNKNOWN = "unknown"
NUM_SLICES = 100

_AGES = (18, 25, 35, 45, 50, 56)
_AGE_BANDS = ("under 18", "18-24", "25-34", "35-44", "45-49", "50-55", "56+")
# ml-1m writes an occupation as its place in this list, which its README has.
_OCCUPATIONS = (
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)


def make_ratings(raw: RawRatings) -> tuple[pd.DataFrame, list[str]]:
    """The log: ratings in the order of their times with labels and `slice`; and what to tell.

    `slice` is how many hundredths of all ratings are older, 0 to 99: a global order of time, in which ratings of one
    second stay together.
    """
    ratings = raw.ratings.drop_duplicates().sort_values("time", kind="stable", ignore_index=True)
    repeated = len(raw.ratings) - len(ratings)
    stars = ratings["rating"]
    labels = {
        "liked": stars >= 4,
        "middling": (stars > 2) & (stars < 4),
        "disliked": stars <= 2,
        "loved": stars == 5,
    }
    older = np.searchsorted(ratings["time"].to_numpy(), ratings["time"].to_numpy(), side="left")
    ratings = ratings.assign(
        **{name: label.astype("int64") for name, label in labels.items()},
        slice=older * NUM_SLICES // max(len(ratings), 1),
    )
    return ratings, [f"ratings: {repeated:,} exact repetitions were left out"] if repeated else []


def make_users(raw: RawRatings) -> pd.DataFrame:
    """user_id, age_band, gender, occupation, zip_area: `unknown` where the source does not say."""
    users = raw.users
    ages = pd.to_numeric(users["age"], errors="coerce")
    bands = np.array(_AGE_BANDS, dtype=object)[np.searchsorted(_AGES, ages.fillna(0), side="right")]
    made = {
        "user_id": users["user_id"],
        "age_band": np.where(ages.isna(), UNKNOWN, bands),
        "gender": _or_unknown(users["gender"]),
        "occupation": _or_unknown(_occupations(users["occupation"])),
        "zip_area": _or_unknown(_zip_areas(users["zip_code"])),
    }
    return pd.DataFrame({**made, **_source_ids(users)})


def make_movies(raw: RawRatings) -> pd.DataFrame:
    """movie_id, title, year (int64 or missing), decade, and genres, directors and actors between `|`."""
    movies = raw.movies
    years = pd.to_numeric(movies["year"], errors="coerce")
    years = years.where((years >= 1870) & (years < 2200)).astype("Int64")
    decades = (years // 10 * 10).astype("string") + "s"
    made = {
        "movie_id": movies["movie_id"],
        "title": movies["title"],
        "year": years,
        "decade": decades.fillna(UNKNOWN).astype(object),
        **{name: _tidy(movies[name]) for name in ("genres", "directors", "actors")},
    }
    return pd.DataFrame({**made, **_source_ids(movies)})


def _source_ids(table: pd.DataFrame) -> dict[str, pd.Series]:
    return {name: table[name] for name in ("source_id",) if name in table}


def _or_unknown(values: pd.Series) -> pd.Series:
    return values.where(values != "", UNKNOWN)


def _occupations(values: pd.Series) -> pd.Series:
    codes = dict(zip(map(str, range(len(_OCCUPATIONS))), _OCCUPATIONS, strict=True))
    return values.map(codes).fillna(values)


def _zip_areas(values: pd.Series) -> pd.Series:
    """The first digit of a US zip code, which is a part of the country; `abroad` for other codes."""
    first = values.str[:1]
    return first.where(first.str.isdigit() | (first == ""), "abroad")


def _tidy(cells: pd.Series) -> pd.Series:
    """Several values, each once and none of them empty."""
    lists = ((value.strip() for value in cell.split(SEPARATOR)) for cell in cells)
    return pd.Series(
        [SEPARATOR.join(dict.fromkeys(filter(None, values))) for values in lists], cells.index, dtype=object
    )
