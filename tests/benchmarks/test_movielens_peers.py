"""The peers of MovieLens: what a row's features know is what was rated before its second, counted by hand here."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.counted_features import counted_features
from benchmarks.movielens import split_rows
from benchmarks.peer_comparison import compare
from benchmarks.svd_scores import svd_scores
from tfgrec.errors import InputDataError

DAY = 86_400


def log_of(num_ratings: int = 400, seed: int = 0) -> pd.DataFrame:
    """Ratings of 12 users and 20 movies over five days, several a second."""
    generator = np.random.default_rng(seed)
    ratings = pd.DataFrame(
        {
            "user_id": generator.integers(12, size=num_ratings),
            "movie_id": generator.integers(20, size=num_ratings),
            "rating": generator.integers(1, 6, size=num_ratings).astype(float),
            "time": np.sort(DAY * 10_000 + generator.integers(150, size=num_ratings) * (DAY // 30)),
        }
    )
    older = np.searchsorted(ratings["time"], ratings["time"])
    return ratings.assign(
        liked=(ratings.rating >= 4).astype(int),
        loved=(ratings.rating == 5).astype(int),
        disliked=(ratings.rating <= 2).astype(int),
        slice=older * 100 // num_ratings,
    )


def tables_of(ratings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    generator = np.random.default_rng(1)
    users = pd.DataFrame({"user_id": np.arange(12)}).assign(age_band="a", gender="F", occupation="o", zip_area="1")
    genres = ["|".join(np.array(["A", "B", "C"])[generator.random(3) < 0.5]) for _ in range(20)]
    movies = pd.DataFrame({"movie_id": np.arange(20), "year": np.arange(1980, 2000), "genres": genres})
    return users, movies.assign(decade=["1980s"] * 10 + ["1990s"] * 10, directors="", actors="")


def test_features_are_counts_of_the_rows_before() -> None:
    ratings = log_of()
    users, movies = tables_of(ratings)
    found = counted_features(ratings, users, movies)
    genres = {
        movie: set(filter(None, cell.split("|"))) for movie, cell in zip(movies.movie_id, movies.genres, strict=True)
    }
    for row in range(0, len(ratings), 7):
        own = ratings.iloc[row]
        before = ratings[ratings.time < own.time]
        of_user, of_movie = before[before.user_id == own.user_id], before[before.movie_id == own.movie_id]
        day = of_user[of_user.time >= own.time - DAY]
        shared = of_user[
            of_user.movie_id.map(lambda movie, own=own: bool(genres[movie] & genres[own.movie_id])).astype(bool)
        ]
        expected = {
            "user_rated": len(of_user),
            "user_liked": of_user.liked.sum(),
            "user_mean_rating": of_user.rating.mean(),
            "user_1d_rated": len(day),
            "user_1d_disliked_share": day.disliked.mean(),
            "movie_rated": len(of_movie),
            "movie_loved_share": of_movie.loved.mean(),
            "movie_since_rated": own.time - of_movie.time.max(),
            "user_genre_rated": len(shared),
            "user_genre_mean_rating": shared.rating.mean(),
            "user_director_rated": 0,
            "user_last_rating_1": of_user.rating.iloc[-1] if len(of_user) else np.nan,
            "movie_last_rating_3": of_movie.rating.iloc[-3] if len(of_movie) > 2 else np.nan,
            "year": 1980 + own.movie_id,
        }
        pd.testing.assert_series_equal(
            found.iloc[row][list(expected)].astype(float), pd.Series(expected, dtype=float), check_names=False
        )


def test_scores_are_those_of_a_decomposition_of_what_was_before() -> None:
    ratings = log_of(seed=3)
    found = svd_scores(ratings, rank=4)
    assert found[ratings["slice"] < 10].isna().all(axis=None) and found[ratings["slice"] >= 10].notna().all(axis=None)
    for row in (60, 150, 399):
        own = ratings.iloc[row]
        past = ratings[ratings["slice"] < own["slice"]]
        mean = past.rating.mean()
        matrix = np.zeros((12, 20))
        np.add.at(matrix, (past.user_id, past.movie_id), past.rating - mean)
        vectors = np.linalg.svd(matrix)[2][:4]
        seen = ratings[(ratings.user_id == own.user_id) & (ratings.time < own.time)]
        user = ((seen.rating.to_numpy() - mean)[:, None] * vectors[:, seen.movie_id].T).sum(axis=0)
        assert found["svd"].iloc[row] == pytest.approx(user @ vectors[:, int(own.movie_id)])


def test_neither_knows_the_future() -> None:
    ratings = log_of()
    users, movies = tables_of(ratings)
    half = ratings.time.iloc[len(ratings) // 2]
    later = ratings.time >= half
    changed = ratings.assign(
        **{
            name: ratings[name].where(~later, ratings[name].to_numpy()[::-1])
            for name in ("rating", "liked", "loved", "disliked")
        }
    )
    assert not changed.equals(ratings)
    until = (ratings.time <= half).to_numpy()
    for features in (lambda log: counted_features(log, users, movies), svd_scores):
        pd.testing.assert_frame_equal(features(ratings)[until], features(changed)[until])


def test_the_cut_is_the_newest_tenth_of_the_training_slices() -> None:
    rows = split_rows(np.arange(100), (10, 79), (80, 89))
    assert [np.flatnonzero(part)[[0, -1]].tolist() for part in (rows.fit, rows.cut, rows.validation)] == [
        [10, 72],
        [73, 79],
        [80, 89],
    ]


def test_a_run_is_compared_on_its_peers_rows_in_whatever_order() -> None:
    generator = np.random.default_rng(0)
    size = 300
    table = pd.DataFrame({"user": generator.integers(20, size=size), "time": np.arange(size), "item": 1})
    table["request"] = np.arange(size)
    for task in ("liked", "loved", "disliked"):
        table[f"label/{task}"] = generator.integers(2, size=size).astype(float)
        table[f"prediction/{task}"] = generator.random(size)
    peers = {"lightgbm": [table], "lightgbm_svd": [table]}
    better = table.assign(**{"prediction/liked": (table["prediction/liked"] + table["label/liked"]) / 2})
    shuffled = better.sample(frac=1, random_state=0)
    names = {"tasks": ("liked", "loved", "disliked"), "best": "lightgbm_svd"}
    told = compare(peers, {"ours": [shuffled.assign(request=np.arange(size))]}, **names)
    assert told["rows"] == size and told["users"] == 20
    differences = told["auc_less_lightgbm_svd"]
    assert differences["lightgbm"]["liked"] == {"difference": 0, "low": 0, "high": 0}
    assert differences["ours"]["liked"]["low"] > 0.3 and differences["ours"]["loved"]["difference"] == 0
    with pytest.raises(InputDataError, match="ours: predicts 299 candidates, the peers 300"):
        compare(peers, {"ours": [better.iloc[1:]]}, **names)
