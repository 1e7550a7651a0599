"""A world whose answers are all known: people who said of every item what they make of it, as in KuaiRec.

Nothing of an answer is drawn by chance. An item is shown to a user once. Sessions are of a stated length, since such a
matrix says nothing of when people leave; nor does it say what they skip.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfgrec.config.living_world import LivingSettings
from tfgrec.experiment.pools import Pools
from tfgrec.simulation.keyed_random import keyed_uniform
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS
from tfgrec.simulation.sessions import Answers, Sessions

# What chance is about, after the seed: apart from the keys of other worlds.
_POOL, _START = 200, 201
_LONGEST_START_MS = DAY_MS // 2


class AnswerMatrixWorld:
    """Asked by `live_day` in place of a LivingWorld; every user has one session a day.

    Args:
      answers: bool `[num_users, num_items]`: whether a user would take an item.
      seed: of pools and times.
      requests_per_day: of each user.
      pool_size: items that a request's candidates are, of those not shown yet.
      slate_size: of these, how many are shown.

    Attributes:
      settings: what `live_day` reads of a world's dials.
    """

    def __init__(
        self, answers: np.ndarray, *, seed: int, requests_per_day: int = 5, pool_size: int = 24, slate_size: int = 4
    ) -> None:
        self._answers, self._seed = np.asarray(answers, bool), seed
        self.settings = LivingSettings(
            most_impressions=requests_per_day * slate_size, pool_size=pool_size, slate_size=slate_size
        )
        self._shown = np.zeros(self._answers.shape, bool)

    @property
    def num_users(self) -> int:
        """All of whom come on each day."""
        return len(self._answers)

    def see(self, impressions: pd.DataFrame) -> None:
        """What was shown on a day is not shown again."""
        self._shown[impressions["user"], impressions["item"]] = True

    def sessions(self, day: int) -> Sessions:
        """One session of each user, in order of their start."""
        users = np.arange(self.num_users)
        starts = FIRST_DAY_MS + day * DAY_MS + (keyed_uniform(self._seed, _START, users, day) * _LONGEST_START_MS)
        zeros = np.zeros(len(users), int)
        found = Sessions(users, zeros, starts.astype(np.int64), zeros)
        return found.taken(np.argsort(found.starts, kind="stable"))

    def pools(self, domain: str, day: int, sessions: Sessions, rounds: np.ndarray) -> np.ndarray:
        """Items to choose from, `[num_sessions, pool_size]`; -1 for one that is there twice or was shown before."""
        places = np.arange(self.settings.pool_size)
        users, numbers = sessions.users[:, np.newaxis], sessions.numbers[:, np.newaxis]
        chance = keyed_uniform(self._seed, _POOL, users, day, numbers, np.asarray(rounds)[:, np.newaxis], places)
        pools = np.sort((chance * self._answers.shape[1]).astype(int), axis=1)
        again = np.zeros(pools.shape, bool)
        again[:, 1:] = pools[:, 1:] == pools[:, :-1]
        return np.where(again | self._shown[users, pools], -1, pools)

    def answers(
        self, domain: str, day: int, sessions: Sessions, items: np.ndarray, places: np.ndarray, positions: np.ndarray
    ) -> Answers:
        """What people make of one item each; see `LivingWorld.answers`. Times are not known, and are zero."""
        taken = self._answers[sessions.users, items]
        zeros, never = np.zeros(len(items), np.int64), np.zeros(len(items), bool)
        return Answers(
            click_probability=taken.astype(float),
            is_click=taken,
            long_view=never,
            is_like=never,
            watch_time_ms=zeros,
            stay_ms=zeros,
            skipped=never,
            follows=never,
        )

    def ends(
        self, day: int, sessions: Sessions, places: np.ndarray, boredom: np.ndarray, stay_ms: np.ndarray
    ) -> np.ndarray:
        """Who leaves: everybody at the end of the stated length."""
        return places + 1 >= self.settings.most_impressions


class TablePolicy:
    """Ranks by a score of each user and item.

    Args:
      scores: float `[num_users, num_items]`, or of items alone `[num_items]`.
    """

    def __init__(self, scores: np.ndarray) -> None:
        self._scores = scores

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        one_user = self._scores.ndim == 1
        return [
            self._scores[pools.items] if one_user else self._scores[pools.users[:, np.newaxis], pools.items]
            for pools in asked
        ]
