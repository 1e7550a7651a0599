"""A world that answers what it is shown, one session after the other: people stay as long as it is worth their while.

On top of a `World`, with its tastes that drift, its newcomers and its new items. All chance is a pure function of the
seed and of who is asked about what (`keyed_random`). On day d, user u in session s of the day:

    appeal(u, i, d) = taste_strength * suits(u, i, d) + quality(i) + trend(i, d)                            (1)
    suits(u, i, d)  = a(u, i, d) with probability graph_signal, else a(u', i', d), u' and i' by chance      (2)
    logit of a click = click_logit + bias(u) + appeal(u, i, d) - position_strength * ln(1 + place)          (3)

as in `suitability`; here the chance in (2) is one of the user, the item and the day. A click is watched as in
`interactions`; what is not clicked on gets a glance, which is time spent too. A skip is an impression that is left
before skip_share of its length. After each impression the session ends with probability

    sigmoid(exit_logit + boredom_strength * boredom + satisfaction_strength * minutes spent)                (4)
    boredom' = boredom_keep * boredom + skipped                                                             (5)

so that people leave bored after some skips in a row, or satisfied after a while. At the end of a day

    mood(u)' = mood_keep * mood(u) + (1 - mood_keep) * (share not skipped - usual_watched)                  (6)
    sessions of the next day ~ Poisson(sessions_per_day * activity(u) * exp(return_strength * mood(u)))     (7)

with 0 in place of the difference in (6) for who was not there.
"""

from functools import cached_property

import numpy as np
from scipy.stats import poisson

from tfgrec.config.living_world import LivingSettings
from tfgrec.config.world import DOMAINS, LIVE, SCENARIOS
from tfgrec.simulation.interactions import (
    FOLLOW_SHARE,
    LIKE_LOGIT,
    LONG_VIEW_MS,
    LONG_VISIT_MS,
    sigmoid,
    watch_times,
)
from tfgrec.simulation.keyed_random import keyed_normal, keyed_uniform
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS, HOURS
from tfgrec.simulation.sessions import Answers, Sessions
from tfgrec.simulation.world import SECONDS, World

_HOUR_MS = DAY_MS // 24
# What chance is about: the key after the seed.
_COUNT, _HOUR, _MINUTE, _SCENARIO, _POOL, _SIGNAL, _OTHER_USER, _OTHER_ITEM = range(8)
_CLICK, _WATCH, _LIKE, _FOLLOW, _GLANCE, _EXIT = range(8, 14)


class LivingWorld:
    """Asked by an experiment: who comes, what there is to show, and what they make of it."""

    def __init__(self, world: World, settings: LivingSettings):
        self.world = world
        self.settings = settings
        self._seed = world.settings.seed

    @cached_property
    def _activity(self) -> np.ndarray:
        return self.world.activity / self.world.activity.mean()

    @property
    def num_users(self) -> int:
        """Users, those who have not come yet included."""
        return len(self.world.user_ids)

    def sessions(self, day: int, moods: np.ndarray) -> Sessions:
        """The sessions of a day, in order of their start; `moods` are of all users, equations (6) and (7)."""
        users = np.arange(self.num_users)
        rates = self.settings.sessions_per_day * self._activity * np.exp(self.settings.return_strength * moods)
        rates = np.where(self.world.join_days <= day, rates, 0.0)
        counts = poisson.ppf(keyed_uniform(self._seed, _COUNT, users, day), rates).astype(int)
        users = np.repeat(users, counts)
        numbers = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
        of_session = (users, day, numbers)
        hours = np.searchsorted(np.cumsum(HOURS) / HOURS.sum(), keyed_uniform(self._seed, _HOUR, *of_session))
        within = (keyed_uniform(self._seed, _MINUTE, *of_session) * _HOUR_MS).astype(np.int64)
        shares = np.cumsum([scenario.share for scenario in SCENARIOS])
        found = Sessions(
            users=users,
            numbers=numbers,
            starts=FIRST_DAY_MS + day * DAY_MS + hours * _HOUR_MS + within,
            scenarios=np.searchsorted(shares / shares[-1], keyed_uniform(self._seed, _SCENARIO, *of_session)),
        )
        return found.taken(np.lexsort((found.numbers, found.users, found.starts)))

    def pools(self, domain: str, day: int, sessions: Sessions, rounds: np.ndarray) -> np.ndarray:
        """Items to choose from, `[num_sessions, pool_size]`; -1 where one would be there twice.

        Args:
          domain: whose items.
          day: when.
          sessions: of scenarios of the domain.
          rounds: how many requests each session has had before, `[num_sessions]`.
        """
        items, weights = self._present(domain, day)
        chance = keyed_uniform(
            self._seed,
            _POOL,
            sessions.users[:, np.newaxis],
            day,
            sessions.numbers[:, np.newaxis],
            np.asarray(rounds)[:, np.newaxis],
            np.arange(self.settings.pool_size),
        )
        pools = np.sort(items[np.searchsorted(weights, chance)], axis=1)
        pools[:, 1:][pools[:, 1:] == pools[:, :-1]] = -1
        return pools

    def appeal(self, domain: str, day: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Equation (1), in the shape that `users` and `items` have together."""
        users, items = np.broadcast_arrays(users, items)
        suits = self.suits(domain, day, users, items)
        catalogue = self.world.catalogues[domain]
        trends = self.world.trend(domain, day, items.reshape(-1)).reshape(items.shape)
        return self.world.settings.taste_strength * suits + catalogue.quality[items] + trends

    def answers(
        self, domain: str, day: int, sessions: Sessions, items: np.ndarray, places: np.ndarray, positions: np.ndarray
    ) -> Answers:
        """What people make of one item each.

        Args:
          domain: whose items.
          day: when.
          sessions: in which session each of them is, `[num_sessions]`.
          items: what they see, `[num_sessions]`.
          places: how many impressions of the session came before, `[num_sessions]`.
          positions: the place in the slate, from 0, `[num_sessions]`.
        """
        keys = (sessions.users, items, DOMAINS.index(domain), day, sessions.numbers, places)
        appeal = self.appeal(domain, day, sessions.users, items)
        click_logits = np.array([scenario.click_logit for scenario in SCENARIOS])[sessions.scenarios]
        logits = click_logits + self.world.biases[sessions.users] + appeal
        logits = logits - self.settings.position_strength * np.log1p(positions)
        is_click = keyed_uniform(self._seed, _CLICK, *keys) < sigmoid(logits)
        duration_ms = self.world.catalogues[domain].duration_ms[items]
        watched = watch_times(keyed_normal(self._seed, _WATCH, *keys), appeal, is_click, duration_ms, domain)
        glances = keyed_uniform(self._seed, _GLANCE, *keys) * self.settings.glance_seconds * SECONDS
        is_live = domain == LIVE
        enough = LONG_VISIT_MS if is_live else np.minimum(LONG_VIEW_MS, duration_ms)
        short = self.settings.live_skip_seconds * SECONDS if is_live else self.settings.skip_share * duration_ms
        is_like = is_click & (keyed_uniform(self._seed, _LIKE, *keys) < sigmoid(LIKE_LOGIT + appeal))
        return Answers(
            click_probability=sigmoid(logits),
            is_click=is_click,
            long_view=watched >= enough,
            is_like=is_like,
            watch_time_ms=watched,
            stay_ms=np.where(is_click, watched, glances).astype(np.int64),
            skipped=watched < short,
            follows=is_like & (keyed_uniform(self._seed, _FOLLOW, *keys) < FOLLOW_SHARE),
        )

    def ends(
        self, day: int, sessions: Sessions, places: np.ndarray, boredom: np.ndarray, stay_ms: np.ndarray
    ) -> np.ndarray:
        """Who leaves after the impression at `places`, bool `[num_sessions]`: equation (4)."""
        settings = self.settings
        minutes = stay_ms / (60 * SECONDS)
        logits = settings.exit_logit + settings.boredom_strength * boredom + settings.satisfaction_strength * minutes
        chance = keyed_uniform(self._seed, _EXIT, sessions.users, day, sessions.numbers, places)
        return (chance < sigmoid(logits)) | (places + 1 >= settings.most_impressions)

    def next_moods(self, moods: np.ndarray, impressions: np.ndarray, skipped: np.ndarray) -> np.ndarray:
        """Moods of all users after a day with so many impressions and skips of each, equation (6)."""
        watched = 1 - skipped / np.maximum(impressions, 1)
        change = np.where(impressions > 0, watched - self.settings.usual_watched, 0.0)
        return self.settings.mood_keep * moods + (1 - self.settings.mood_keep) * change

    def suits(self, domain: str, day: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Equation (2), in the shape that `users` and `items` have together."""
        users, items = np.broadcast_arrays(users, items)
        own = self.world.affinity(domain, day, users, items)
        signal = self.world.settings.graph_signal
        if signal == 1:
            return own
        keys = (users, items, DOMAINS.index(domain), day)
        present, weights = self._present(domain, day)
        rates = np.cumsum(np.where(self.world.join_days <= day, self.world.activity, 0.0))
        others = np.searchsorted(rates / rates[-1], keyed_uniform(self._seed, _OTHER_USER, *keys))
        strange = present[np.searchsorted(weights, keyed_uniform(self._seed, _OTHER_ITEM, *keys))]
        borrowed = self.world.affinity(domain, day, others, strange)
        return np.where(keyed_uniform(self._seed, _SIGNAL, *keys) < signal, own, borrowed)

    def _present(self, domain: str, day: int) -> tuple[np.ndarray, np.ndarray]:
        """The items of a day, and their cumulative shares of pools: by popularity, and new ones more."""
        catalogue = self.world.catalogues[domain]
        items = np.flatnonzero(catalogue.first_day <= day)
        freshness = np.exp(-(day - catalogue.first_day[items]) / 2.0)
        weights = np.cumsum(np.exp(catalogue.popularity[items] + freshness))
        shares = weights / weights[-1]
        shares[-1] = 1.0
        return items, shares


def in_domain(sessions: Sessions, domain: str) -> np.ndarray:
    """Whether sessions are in a scenario of a domain, bool `[num_sessions]`."""
    return np.array([scenario.domain == domain for scenario in SCENARIOS])[sessions.scenarios]


def boredom_after(settings: LivingSettings, boredom: np.ndarray, skipped: np.ndarray) -> np.ndarray:
    """Equation (5)."""
    return settings.boredom_keep * boredom + skipped
