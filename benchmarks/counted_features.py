"""Features of ratings counted strictly before each row, in pandas and NumPy alone: what a peer learns from.

The same quantities as the temporal degrees of schemas/movielens, computed another way, and the same static columns.
"""

import numpy as np
import pandas as pd
import scipy.sparse

_OUTCOMES = ("liked", "loved", "disliked")
_DAY = 86_400
# Shared values of several kinds, and the column of movies that has them.
_SHARED = {"genre": "genres", "decade": "decade", "director": "directors", "actor": "actors"}
_STATIC = ("age_band", "gender", "occupation", "zip_area")
_SEPARATOR = "|"


def counted_features(ratings: pd.DataFrame, users: pd.DataFrame, movies: pd.DataFrame) -> pd.DataFrame:
    """Features `[num_ratings]` of ratings that are sorted by time; categorical columns have pandas' type for it.

    What has no value (the mean of no ratings) is NaN.
    """
    columns = {
        **_history("user", ratings, "user_id"),
        **_window("user", ratings, "user_id"),
        **_history("movie", ratings, "movie_id"),
        **_shared(ratings, movies),
        **_of_keys(ratings, movies),
        **_static(ratings, users, movies),
    }
    return pd.DataFrame(columns, index=ratings.index)


def _history(name: str, ratings: pd.DataFrame, key: str) -> dict[str, np.ndarray]:
    """Counts, rates, mean, last three ratings and age of the last one among the earlier rows of the same key."""
    rows, ties = ratings.groupby(key), ratings.groupby([key, "time"])
    # Rows of the same second do not see each other: they all see what the first of them does.
    place = rows.cumcount()
    first = place - ties.cumcount()
    columns = {f"{name}_rated": first.to_numpy(np.float64)}
    for outcome in (*_OUTCOMES, "rating"):
        columns[f"{name}_{outcome}"] = (rows[outcome].cumsum() - ties[outcome].cumsum()).to_numpy(np.float64)
    columns |= _ratios(name, columns)
    by_place = ratings.set_index([ratings[key], place])
    for nth in (1, 2, 3):
        at = pd.MultiIndex.from_arrays([ratings[key], first - nth])
        columns[f"{name}_last_rating_{nth}"] = by_place["rating"].reindex(at).to_numpy(np.float64)
        if nth == 1:
            columns[f"{name}_since_rated"] = ratings["time"].to_numpy() - by_place["time"].reindex(at).to_numpy()
    return columns


def _window(name: str, ratings: pd.DataFrame, key: str) -> dict[str, np.ndarray]:
    """Counts and mean of the rows of the same key in the day before."""
    sums = {part: np.zeros(len(ratings)) for part in ("rated", *_OUTCOMES, "rating")}
    for rows in ratings.groupby(key).indices.values():
        times = ratings["time"].to_numpy()[rows]
        start, end = np.searchsorted(times, times - _DAY, "left"), np.searchsorted(times, times, "left")
        for part, values in sums.items():
            numbers = np.ones(len(rows)) if part == "rated" else ratings[part].to_numpy(np.float64)[rows]
            total = np.concatenate([[0.0], np.cumsum(numbers)])
            values[rows] = total[end] - total[start]
    columns = {f"{name}_1d_{part}": values for part, values in sums.items()}
    return columns | _ratios(f"{name}_1d", columns)


def _shared(ratings: pd.DataFrame, movies: pd.DataFrame) -> dict[str, np.ndarray]:
    """Counts, rates and mean of the user's earlier rows whose movie shares a genre (and so on) with the row's."""
    parts = ("rated", *_OUTCOMES, "rating")
    rows_of = pd.Series(np.arange(len(movies)), index=movies["movie_id"])
    movie = rows_of[ratings["movie_id"]].to_numpy()
    numbers = np.column_stack([np.ones(len(ratings)), ratings[[*_OUTCOMES, "rating"]].to_numpy(np.float64)])
    times = ratings["time"].to_numpy()
    columns = {}
    for name, column in _SHARED.items():
        incidence = _incidence(movies[column])
        sums = np.zeros((len(ratings), len(parts)))
        for rows in ratings.groupby("user_id").indices.values():
            own = incidence[movie[rows]]
            shares = (own @ own.T).toarray() > 0
            earlier = times[rows][None, :] < times[rows][:, None]
            sums[rows] = (shares & earlier).astype(np.float64) @ numbers[rows]
        columns |= {f"user_{name}_{part}": sums[:, place] for place, part in enumerate(parts)}
        columns |= _ratios(f"user_{name}", columns)
    return columns


def _of_keys(ratings: pd.DataFrame, movies: pd.DataFrame) -> dict[str, np.ndarray]:
    """The best, worst and average of the user's mean ratings of each of the movie's genres and actors; and what all
    users made of all films of its directors and actors."""
    columns = {}
    for name in ("genre", "director", "actor"):
        keys = movies.set_index("movie_id")[_SHARED[name]].str.split(_SEPARATOR, regex=False)
        parts = ("rating", "liked", "disliked")
        of_rows = ratings[["user_id", "time", *parts]].assign(row=np.arange(len(ratings)), rated=1.0)
        each = of_rows.assign(key=keys.loc[ratings["movie_id"]].to_numpy()).explode("key", ignore_index=True)
        each = each[each["key"] != ""]
        if name != "director":
            own = _before(each, ["user_id", "key"], ["rating", "rated"])
            means = (own["rating"] / own["rated"].where(own["rated"] > 0)).groupby(each["row"])
            found = {"best": means.max(), "worst": means.min(), "average": means.mean()}
            columns |= {f"user_{name}_{part}_rating": _by_row(values, len(ratings)) for part, values in found.items()}
        if name != "genre":
            sums = _before(each, ["key"], ["rated", *parts]).groupby(each["row"]).sum()
            found = {f"{name}_{part}": _by_row(sums[part], len(ratings)) for part in ("rated", "liked", "disliked")}
            some = sums["rated"].where(sums["rated"] > 0)
            columns |= {**found, f"{name}_mean_rating": _by_row(sums["rating"] / some, len(ratings))}
    return columns


def _before(rows: pd.DataFrame, keys: list[str], parts: list[str]) -> pd.DataFrame:
    """Sums over the rows of the same keys in earlier seconds; rows are sorted by time."""
    up_to, ties = rows.groupby(keys, sort=False)[parts].cumsum(), rows.groupby([*keys, "time"], sort=False)[parts]
    return up_to - ties.cumsum()


def _by_row(values: pd.Series, num_rows: int) -> np.ndarray:
    return values.reindex(np.arange(num_rows)).to_numpy(np.float64)


def _incidence(cells: pd.Series) -> scipy.sparse.csr_matrix:
    """Which movie `[num_movies]` has which value `[num_values]`."""
    values = cells.str.split(_SEPARATOR, regex=False).explode()
    values = values[values != ""]
    codes, known = pd.factorize(values)
    ones = np.ones(len(codes), np.float32)
    return scipy.sparse.csr_matrix((ones, (values.index.to_numpy(), codes)), shape=(len(cells), max(len(known), 1)))


def _ratios(name: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Shares of outcomes and the mean rating, NaN where nothing was rated."""
    rated = columns[f"{name}_rated"]
    some = np.where(rated > 0, rated, np.nan)
    ratios = {f"{name}_{outcome}_share": columns[f"{name}_{outcome}"] / some for outcome in _OUTCOMES}
    return {**ratios, f"{name}_mean_rating": columns[f"{name}_rating"] / some}


def _static(ratings: pd.DataFrame, users: pd.DataFrame, movies: pd.DataFrame) -> dict[str, object]:
    of_user = users.set_index("user_id").loc[ratings["user_id"]]
    of_movie = movies.set_index("movie_id").loc[ratings["movie_id"]]
    columns: dict[str, object] = {name: pd.Categorical(of_user[name]) for name in _STATIC}
    columns["year"] = of_movie["year"].to_numpy(np.float64, na_value=np.nan)
    flags = movies["genres"].str.get_dummies(_SEPARATOR).set_index(movies["movie_id"]).loc[ratings["movie_id"]]
    return {**columns, **{f"genre {name}": flags[name].to_numpy(np.float64) for name in flags}}
