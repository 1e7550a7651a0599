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


def make_users(raw: RawRatings) -> tuple[pd.DataFrame, list[str]]:
    """user_id, age_band, gender, occupation, zip_area: text, `unknown` where the source does not say; what to tell."""
    users, notes = _with_strangers(raw.users, raw.ratings["user_id"], "user_id", "users")
    ages = pd.to_numeric(users["age"], errors="coerce")
    bands = np.array(_AGE_BANDS, dtype=object)[np.searchsorted(_AGES, ages.fillna(0), side="right")]
    made = {
        "user_id": users["user_id"],
        "age_band": np.where(ages.isna(), UNKNOWN, bands),
        "gender": _or_unknown(users["gender"]),
        "occupation": _or_unknown(_occupations(users["occupation"])),
        "zip_area": _or_unknown(_zip_areas(users["zip_code"])),
    }
    return pd.DataFrame(made), notes


def make_movies(raw: RawRatings) -> tuple[pd.DataFrame, list[str]]:
    """movie_id, title, year (int64 or missing), decade, and genres, directors, actors between `|`; what to tell."""
    movies, notes = _with_strangers(raw.movies, raw.ratings["movie_id"], "movie_id", "movies")
    years = pd.to_numeric(movies["year"], errors="coerce")
    years = years.where((years >= 1870) & (years < 2200)).astype("Int64")
    decades = (years // 10 * 10).astype("string") + "s"
    made = {
        "movie_id": movies["movie_id"],
        "title": movies["title"],
        "year": years,
        "decade": decades.fillna(UNKNOWN),
        **{name: _tidy(movies[name]) for name in ("genres", "directors", "actors")},
    }
    return pd.DataFrame(made), notes


def _with_strangers(table: pd.DataFrame, rated: pd.Series, key: str, name: str) -> tuple[pd.DataFrame, list[str]]:
    """The table, and a row of empty cells for each id that only ratings name."""
    strangers = pd.Index(rated.unique()).difference(table[key], sort=False)
    if not len(strangers):
        return table, []
    added = pd.DataFrame({column: strangers if column == key else "" for column in table}, dtype=str)
    notes = [f"{name}: {len(strangers):,} that only ratings name were added, with nothing known of them"]
    return pd.concat([table, added], ignore_index=True), notes


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

    def tidy(cell: str) -> str:
        return SEPARATOR.join(dict.fromkeys(value.strip() for value in cell.split(SEPARATOR) if value.strip()))

    return cells.map(tidy)
