"""Scores of a truncated SVD of the users' ratings, refitted as time goes on: each row's is made of what was before it.

Item vectors come of the ratings of earlier slices. A user's vector is the sum over the user's ratings before the row,
to the second, of rating times item vector: so it follows a user who rates everything in one evening, as most do.
"""

import dataclasses

import numpy as np
import pandas as pd
import scipy.sparse
import scipy.sparse.linalg

# Both chosen on the newest training slices of ml-100k, with a linear model on top.
_RANK = 16
_SHRINKAGE = 5.0
_FIRST_SLICE = 10
_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class _Log:
    """Ratings as codes and numbers, `[num_ratings]` each."""

    users: np.ndarray
    movies: np.ndarray
    times: np.ndarray
    slices: np.ndarray
    stars: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of movies."""
        return int(self.users.max()) + 1, int(self.movies.max()) + 1


def svd_scores(ratings: pd.DataFrame, *, rank: int = _RANK) -> pd.DataFrame:
    """Scores `[num_ratings]` of each rating, float64; NaN in the first slices, which have too little before.

    `svd`: of ratings less their mean. `svd_residual`: of ratings less their mean and what user and movie deviate from
    it, with vectors scaled by the singular values.
    """
    users, movies = (pd.factorize(ratings[key], sort=True)[0] for key in ("user_id", "movie_id"))
    numbers = (ratings[key].to_numpy() for key in ("time", "slice", "rating"))
    log = _Log(users, movies, *numbers)
    scores = pd.DataFrame(np.nan, index=ratings.index, columns=["svd", "svd_residual"])
    for number in range(_FIRST_SLICE, int(log.slices.max()) + 1):
        history = _History(log, number)
        if len(history.scored):
            scores.iloc[history.rows[history.scored]] = _scores_of_slice(log, number, history, rank)
    return scores


class _History:
    """All ratings, up to a slice, of the users who rate in it: sums of those before each one's second.

    Attributes:
      rows: numbers of the ratings, by user and time.
      scored: places in `rows` of the slice's own.
    """

    def __init__(self, log: _Log, number: int) -> None:
        active = np.zeros(log.shape[0], bool)
        active[log.users[log.slices == number]] = True
        rows = np.flatnonzero(active[log.users] & (log.slices <= number))
        self.rows = rows[np.lexsort((log.times[rows], log.users[rows]))]
        self.scored = np.flatnonzero(log.slices[self.rows] == number)
        users, times = log.users[self.rows], log.times[self.rows]
        new_user = np.diff(users, prepend=-1) != 0
        self._start = _newest(new_user)
        self._here = _newest(new_user | (np.diff(times, prepend=-1) != 0))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums of values `[num_rows, ...]` of the user's rows before."""
        total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
        return total[self._here] - total[self._start]


def _scores_of_slice(log: _Log, number: int, history: _History, rank: int) -> np.ndarray:
    """Both scores `[num_scored, 2]` of a slice's ratings, in the order of the history."""
    past = log.slices < number
    mean, of_users, of_movies = _deviations(log, past)
    at = log.movies[history.rows]

    centred = log.stars - mean
    vectors, _ = _item_vectors(log, past, centred, rank)
    plain = history.sums(centred[history.rows, None] * vectors[at])

    of_item = centred - of_movies[log.movies]
    residual_vectors, scale = _item_vectors(log, past, of_item - of_users[log.users], rank)
    residual_vectors = residual_vectors * scale
    own, met = of_item[history.rows], residual_vectors[at]
    # What a user deviates from the mean is known from the ratings before the row alone, too.
    deviation = history.sums(own) / (history.sums(np.ones(len(own))) + _SHRINKAGE)
    residual = history.sums(own[:, None] * met) - deviation[:, None] * history.sums(met)

    scores = [(plain * vectors[at]).sum(axis=1), (residual * met).sum(axis=1)]
    return np.stack(scores, axis=1)[history.scored]


def _deviations(log: _Log, past: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The mean rating, and what users `[num_users]` and movies `[num_movies]` deviate from it: 0 where unseen."""
    users, movies, stars = log.users[past], log.movies[past], log.stars[past]
    mean, (num_users, num_movies) = float(stars.mean()), log.shape
    of_users, of_movies = np.zeros(num_users), np.zeros(num_movies)
    for _ in range(_ROUNDS):
        of_movies = _shrunk_means(movies, stars - mean - of_users[users], num_movies)
        of_users = _shrunk_means(users, stars - mean - of_movies[movies], num_users)
    return mean, of_users, of_movies


def _shrunk_means(codes: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(codes, values, size) / (np.bincount(codes, minlength=size) + _SHRINKAGE)


def _item_vectors(log: _Log, past: np.ndarray, values: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors `[num_movies, rank]` of the past ratings' matrix, and its singular values `[rank]`."""
    places = (log.users[past], log.movies[past])
    matrix = scipy.sparse.csr_matrix((values[past], places), shape=log.shape)
    start = np.random.default_rng(0).standard_normal(min(log.shape))
    _, scale, vectors = scipy.sparse.linalg.svds(matrix, k=min(rank, min(log.shape) - 1), v0=start)
    return vectors.T, scale


def _newest(marks: np.ndarray) -> np.ndarray:
    """The place of the newest mark at or before each place; the first place is marked."""
    return np.maximum.accumulate(np.where(marks, np.arange(len(marks)), 0))
