"""What users did on a day, as sums: all that an experiment's metrics are made of."""

import numpy as np
import pandas as pd

from tfgrec.simulation.living_world import LivingWorld

SUMS = ("stay_ms", "impressions", "skipped", "clicks", "long_views", "likes", "sessions")


def user_sums(impressions: pd.DataFrame, by: tuple[str, ...] = ("user",)) -> pd.DataFrame:
    """One row a user who was there (or a user and what else `by` names), with SUMS as columns, int64."""
    if impressions.empty:
        return pd.DataFrame({name: np.zeros(0, np.int64) for name in (*by, *SUMS)})
    rows = pd.DataFrame(
        {
            **{name: impressions[name] for name in by},
            "stay_ms": impressions["stay_ms"],
            "impressions": 1,
            "skipped": impressions["skipped"],
            "clicks": impressions["is_click"],
            "long_views": impressions["long_view"],
            "likes": impressions["is_like"],
            # A session begins with its first impression.
            "sessions": impressions["place"] == 0,
        }
    )
    summed = rows.astype({name: np.int64 for name in SUMS}).groupby(list(by), as_index=False)[list(SUMS)].sum()
    return summed


def of_all_users(sums: pd.DataFrame, name: str, num_users: int) -> np.ndarray:
    """One of the sums for every user of the world, 0 for who was not there: int64 `[num_users]`."""
    found = np.zeros(num_users, np.int64)
    found[sums["user"].to_numpy()] = sums[name].to_numpy()
    return found


def moods_after(world: LivingWorld, moods: np.ndarray, sums: pd.DataFrame) -> np.ndarray:
    """The moods of all users, `[num_users]`, after a day of which `sums` tell."""
    return world.next_moods(moods, *(of_all_users(sums, name, world.num_users) for name in ("impressions", "skipped")))
