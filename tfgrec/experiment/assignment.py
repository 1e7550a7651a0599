"""Which arm a user is in: a salted hash, so that the same user is in the same arm on every day and every machine."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np


def assign(user_ids: Sequence[int | str], arms: Sequence[str], *, salt: str, shares: Mapping[str, float]) -> np.ndarray:
    """The position in `arms` of each user's arm, int64 `[num_users]`.

    Args:
      user_ids: raw ids.
      arms: names, in order.
      salt: another one gives another split, independent of this one.
      shares: relative sizes by arm; 1 for one that is not named.
    """
    sizes = np.array([shares.get(arm, 1.0) for arm in arms], float)
    bounds = np.cumsum(sizes)[:-1] / sizes.sum()
    return np.searchsorted(bounds, [_point(salt, user) for user in user_ids], side="right")


def _point(salt: str, user: int | str) -> float:
    """A point of [0, 1)."""
    digest = hashlib.sha256(f"{salt}:{user}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53
