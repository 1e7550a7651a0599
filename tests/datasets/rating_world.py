"""A small world of ratings, written as ml-1m is: users with one taste each, who rate in sittings."""

from pathlib import Path

import numpy as np

NUM_USERS, NUM_MOVIES = 40, 60
GENRES = ("Action", "Comedy", "Drama", "Horror")


def write_ratings(folder: Path, *, credits: bool, seed: int = 0) -> int:
    """Writes a source without or with credits.csv; returns how many ratings it has.

    A user likes one genre. Ratings come three a second, and some seconds are shared between users.
    """
    generator = np.random.default_rng(seed)
    genre = generator.integers(len(GENRES), size=NUM_MOVIES)
    taste = generator.integers(len(GENRES), size=NUM_USERS)
    lines = []
    for user in range(NUM_USERS):
        movies = generator.permutation(NUM_MOVIES)[: generator.integers(5, 50)]
        start = 978_300_000 + 1_000 * generator.integers(60)
        stars = np.clip(np.round(generator.normal(3, 1, len(movies)) + 1.5 * (genre[movies] == taste[user])), 1, 5)
        seconds = start + 10 * (np.arange(len(movies)) // 3)
        lines += [
            f"{user + 1}::{movie + 1}::{int(star)}::{second}"
            for movie, star, second in zip(movies, stars, seconds, strict=True)
        ]
    folder.mkdir(parents=True)
    (folder / "ratings.dat").write_text("\n".join(lines) + "\n")
    users = [f"{user + 1}::{'MF'[user % 2]}::25::{user % 21}::{user:05d}" for user in range(NUM_USERS)]
    (folder / "users.dat").write_text("\n".join(users) + "\n")
    movies = [
        f"{movie + 1}::Film {movie} ({1960 + movie})::{GENRES[genre[movie]]}|{GENRES[movie % 4]}"
        for movie in range(NUM_MOVIES)
    ]
    (folder / "movies.dat").write_text("\n".join(movies) + "\n")
    if credits:
        rows = [f"{movie + 1},Director {movie % 7},Actor {movie % 5}|Actor {movie % 11}" for movie in range(NUM_MOVIES)]
        (folder / "credits.csv").write_text("\n".join(["movie_id,directors,actors", *rows]) + "\n")
    return len(lines)
