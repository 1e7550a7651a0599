"""What tables say of users and items: mostly noise, with a weak and stated share of truth."""

import numpy as np
import pandas as pd

from tfgrec.config.world import WorldSettings
from tfgrec.simulation.world import Catalogue, World

AGE_BANDS = ("under_18", "18_24", "25_34", "35_49", "50_plus")
DEVICES = ("android_low", "android_high", "ios")
UPLOAD_KINDS = ("camera", "edited", "imported")
TAG_SEPARATOR = ","
MAX_TAGS = 3


def observe_users(world: World) -> pd.DataFrame:
    """One row a user: `interest` is the user's genre with probability `feature_fidelity`, else any genre."""
    settings, generator = world.settings, np.random.default_rng([world.settings.seed, 2])
    size = settings.users
    return pd.DataFrame(
        {
            "user_id": world.user_ids,
            "age_band": generator.choice(AGE_BANDS, size=size, p=(0.1, 0.3, 0.3, 0.2, 0.1)),
            "device": generator.choice(DEVICES, size=size, p=(0.4, 0.3, 0.3)),
            "interest": _genre_names(_noisy(generator, world.user_genres, settings)),
            "register_days": (settings.days - world.join_days)
            + np.where(world.join_days == 0, 1, 0) * generator.integers(1_000, size=size),
        }
    )


def observe_videos(world: World, catalogue: Catalogue) -> pd.DataFrame:
    """One row a video: `category` and one to three `tags` tell its genre with probability `feature_fidelity`."""
    settings, generator = world.settings, np.random.default_rng([world.settings.seed, 3])
    size = len(catalogue.ids)
    return pd.DataFrame(
        {
            "video_id": catalogue.ids,
            "author_id": world.author_ids[catalogue.authors],
            "category": _genre_names(_noisy(generator, catalogue.genres, settings)),
            "tags": _tags(generator, catalogue.genres, settings),
            "upload_kind": generator.choice(UPLOAD_KINDS, size=size),
            "duration_ms": catalogue.duration_ms,
        }
    )


def observe_live_rooms(world: World, catalogue: Catalogue) -> pd.DataFrame:
    """One row a live room: `category` tells its genre with probability `feature_fidelity`."""
    settings, generator = world.settings, np.random.default_rng([world.settings.seed, 4])
    return pd.DataFrame(
        {
            "room_id": room_ids(catalogue),
            "author_id": world.author_ids[catalogue.authors],
            "category": _genre_names(_noisy(generator, catalogue.genres, settings)),
            "guests": generator.poisson(1.0, size=len(catalogue.ids)),
        }
    )


def room_ids(catalogue: Catalogue) -> np.ndarray:
    """Live rooms have text ids."""
    return np.array([f"room_{number}" for number in catalogue.ids])


def _noisy(generator: np.random.Generator, genres: np.ndarray, settings: WorldSettings) -> np.ndarray:
    random = generator.integers(settings.genres, size=len(genres))
    return np.where(generator.random(len(genres)) < settings.feature_fidelity, genres, random)


def _genre_names(genres: np.ndarray) -> list[str]:
    return [f"genre_{genre:02d}" for genre in genres]


def _tags(generator: np.random.Generator, genres: np.ndarray, settings: WorldSettings) -> list[str]:
    columns = [_noisy(generator, genres, settings) for _ in range(MAX_TAGS)]
    counts = generator.integers(1, MAX_TAGS, size=len(genres), endpoint=True)
    rows = zip(counts, *columns, strict=True)
    return [TAG_SEPARATOR.join(dict.fromkeys(f"tag_{tag:02d}" for tag in tags[:count])) for count, *tags in rows]
