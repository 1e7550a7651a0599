"""The latent world: who likes what, and what there is to watch."""

import dataclasses

import numpy as np

from tfgrec.config.world import LIVE, VIDEO, WorldSettings

SECONDS = 1_000
GENRE_SPREAD = 0.45
TASTE_SPREAD = 0.5


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The items of one domain. All `[num_items]` but `topics [num_items, latent_dimension]` (rows of length 1).

    `own_trends [days, num_items]` are logits that no other item shares: what trends are without a graph signal.
    """

    ids: np.ndarray
    topics: np.ndarray
    genres: np.ndarray
    authors: np.ndarray
    quality: np.ndarray
    popularity: np.ndarray
    first_day: np.ndarray
    duration_ms: np.ndarray
    own_trends: np.ndarray


@dataclasses.dataclass(frozen=True)
class World:
    """Everything that is true and mostly unseen.

    `tastes [days, num_users, latent_dimension]` and `trends [days, latent_dimension]` move from day to day; `genres
    [num_users]` is the genre nearest a user's first taste; `biases` are logits; `activity` is relative; `join_days`
    and `first_day` are when users and items first appear.
    """

    settings: WorldSettings
    user_ids: np.ndarray
    tastes: np.ndarray
    user_genres: np.ndarray
    biases: np.ndarray
    activity: np.ndarray
    join_days: np.ndarray
    trends: np.ndarray
    author_ids: np.ndarray
    catalogues: dict[str, Catalogue]

    def affinity(self, domain: str, day: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """How well items suit users on a day, of about unit variance: `[...]` for `users [...]` and `items [...]`."""
        topics = self.catalogues[domain].topics[items]
        return (self.tastes[day, users] * topics).sum(axis=-1) * np.sqrt(self.settings.latent_dimension)

    def trend(self, domain: str, day: int, items: np.ndarray) -> np.ndarray:
        """What a day adds to the logit of a click on items, equation (2) of `suitability`: as `items [num_items]`."""
        catalogue, signal = self.catalogues[domain], self.settings.graph_signal
        shared, own = catalogue.topics[items] @ self.trends[day], catalogue.own_trends[day, items]
        return signal * shared + np.sqrt(1 - signal**2) * own


def create_world(settings: WorldSettings) -> World:
    """Draws a world; the same settings give the same world."""
    generator = np.random.default_rng([settings.seed, 0])
    genres = _unit(generator.normal(size=(settings.genres, settings.latent_dimension)))
    author_genres = generator.integers(settings.genres, size=settings.authors)
    author_topics = _near(generator, genres[author_genres], GENRE_SPREAD)
    catalogues = {
        VIDEO: _create_catalogue(generator, settings, settings.videos, genres, author_topics),
        LIVE: _create_catalogue(generator, settings, settings.live_rooms, genres, author_topics),
    }
    catalogues[LIVE] = dataclasses.replace(catalogues[LIVE], duration_ms=np.zeros(settings.live_rooms, np.int64))
    catalogues = _with_own_trends(catalogues, settings)
    first_tastes = _near(generator, genres[generator.integers(settings.genres, size=settings.users)], TASTE_SPREAD)
    return World(
        settings=settings,
        user_ids=100_000 + generator.permutation(settings.users),
        tastes=_drifting(generator, first_tastes, settings),
        user_genres=_nearest(first_tastes, genres),
        biases=settings.user_bias_strength * generator.normal(size=settings.users),
        activity=generator.lognormal(sigma=0.7, size=settings.users),
        join_days=_first_days(generator, settings, settings.users),
        trends=settings.trend_strength * generator.normal(size=(settings.days, settings.latent_dimension)).cumsum(0),
        author_ids=500_000 + generator.permutation(settings.authors),
        catalogues=catalogues,
    )


def _create_catalogue(
    generator: np.random.Generator, settings: WorldSettings, size: int, genres: np.ndarray, author_topics: np.ndarray
) -> Catalogue:
    # Few authors make much: shares fall with rank, and are drawn anew for each domain.
    shares = 1 / np.sqrt(1 + generator.permutation(settings.authors))
    authors = generator.choice(settings.authors, size=size, p=shares / shares.sum())
    topics = _near(generator, author_topics[authors], settings.author_spread)
    quality = generator.normal(size=size)
    return Catalogue(
        ids=700_000 + generator.permutation(size),
        topics=topics,
        genres=_nearest(topics, genres),
        authors=authors,
        quality=settings.quality_strength * quality,
        popularity=0.4 * quality + 0.8 * generator.normal(size=size),
        first_day=_first_days(generator, settings, size),
        duration_ms=(generator.lognormal(np.log(25 * SECONDS), 0.6, size=size)).astype(np.int64),
        own_trends=np.zeros((settings.days, size)),
    )


def _with_own_trends(catalogues: dict[str, Catalogue], settings: WorldSettings) -> dict[str, Catalogue]:
    """Each item's own trend, of the variance of what its topic gets from the world's; drawn apart from all else."""
    generator = np.random.default_rng([settings.seed, 6])
    return {
        domain: dataclasses.replace(
            catalogue,
            own_trends=settings.trend_strength * generator.normal(size=catalogue.own_trends.shape).cumsum(axis=0),
        )
        for domain, catalogue in catalogues.items()
    }


def _first_days(generator: np.random.Generator, settings: WorldSettings, size: int) -> np.ndarray:
    """Zero for the old; for newcomers a day from the second to the last, each as likely."""
    days = generator.integers(1, settings.days, size=size)
    return np.where(generator.random(size) < settings.newcomer_share, days, 0)


def _drifting(generator: np.random.Generator, first: np.ndarray, settings: WorldSettings) -> np.ndarray:
    states = [first]
    for _ in range(1, settings.days):
        states.append(_near(generator, states[-1], settings.daily_drift))
    return np.stack(states)


def _near(generator: np.random.Generator, centres: np.ndarray, spread: float) -> np.ndarray:
    """Unit vectors about `centres [n, dim]`; `spread` is the length of the expected step off a centre."""
    steps = generator.normal(size=centres.shape) / np.sqrt(centres.shape[1])
    return _unit(centres + spread * steps)


def _nearest(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return (vectors @ centres.T).argmax(axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
