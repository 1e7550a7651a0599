"""One day of an experiment: sessions ask, policies rank, the world answers, and everybody sees what came of it."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from tfgrec.config.world import DOMAINS
from tfgrec.experiment.pools import Policy, Pools, ranked
from tfgrec.progress import Advance
from tfgrec.simulation.living_world import LivingWorld, boredom_after, in_domain
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS
from tfgrec.simulation.sessions import Sessions

# Between two requests of a session.
_GAP_MS = 1_000

Observe = Callable[[pd.DataFrame], None]


def live_day(
    world: LivingWorld,
    day: int,
    sessions: Sessions,
    *,
    arms: np.ndarray,
    policies: Mapping[str, Policy],
    observe: Observe | None = None,
    blocks: int = 8,
    advance: Advance | None = None,
) -> pd.DataFrame:
    """Lives through a day's sessions.

    Sessions that begin in the same of `blocks` parts of the day go on side by side, request by request: a policy sees
    all that came of the session's own earlier requests, and of others' in earlier blocks or as many requests ago.

    Args:
      world: what answers.
      day: which one.
      sessions: of that day, see `LivingWorld.sessions`.
      arms: the position of each user's arm in `policies`, `[num_users]`.
      policies: by arm.
      observe: told what came of each round of requests, before the next one.
      blocks: parts of the day.
      advance: told of sessions that have ended.

    Returns:
      The impressions, one row each, in order of time.
    """
    parts = (sessions.starts - FIRST_DAY_MS - day * DAY_MS) * blocks // DAY_MS
    seen = []
    for part in range(blocks):
        running = _Running.begin(world, day, sessions.taken(parts == part))
        while len(running.sessions):
            before = len(running.sessions)
            impressions, running = running.after_request(arms, policies)
            if observe is not None and len(impressions):
                observe(impressions)
            seen.append(impressions)
            if advance is not None:
                advance(before - len(running.sessions))
    if not seen:
        return pd.DataFrame()
    return pd.concat(seen, ignore_index=True).sort_values(["time_ms", "user", "place"], ignore_index=True)


@dataclasses.dataclass(frozen=True)
class _Running:
    """Sessions that are going on, and their states, all `[num_sessions]`; `shown [num_sessions, most_impressions]`."""

    world: LivingWorld
    day: int
    sessions: Sessions
    times: np.ndarray
    rounds: np.ndarray
    places: np.ndarray
    boredom: np.ndarray
    stay_ms: np.ndarray
    shown: np.ndarray

    @classmethod
    def begin(cls, world: LivingWorld, day: int, sessions: Sessions) -> "_Running":
        count, most = len(sessions), world.settings.most_impressions
        zeros = np.zeros(count, np.int64)
        shown = np.full((count, most), -1)
        return cls(world, day, sessions, sessions.starts, zeros, zeros, np.zeros(count), zeros, shown)

    def after_request(self, arms: np.ndarray, policies: Mapping[str, Policy]) -> tuple[pd.DataFrame, "_Running"]:
        """The impressions of one request of each session, and the sessions that go on."""
        rows = {domain: np.flatnonzero(in_domain(self.sessions, domain)) for domain in DOMAINS}
        pools = [self._pools(domain, of_domain) for domain, of_domain in rows.items()]
        found = ranked(pools, [arms[one.users] for one in pools], policies, self.world.settings.slate_size)
        after = dataclasses.replace(
            self,
            **{name: getattr(self, name).copy() for name in ("times", "places", "boredom", "stay_ms", "shown")},
            rounds=self.rounds + 1,
        )
        going_on = np.zeros(len(self.sessions), bool)
        impressions = []
        for (domain, of_domain), slate in zip(rows.items(), found, strict=True):
            going_on[of_domain] = after._watch(domain, of_domain, slate, impressions, arms)
        after.times[:] = self.times + (after.stay_ms - self.stay_ms) + _GAP_MS
        # Midnight ends a session, so that a day's impressions are in that day.
        going_on &= after.times < FIRST_DAY_MS + (self.day + 1) * DAY_MS
        return pd.concat(impressions) if impressions else pd.DataFrame(), after._taken(going_on)

    def _pools(self, domain: str, rows: np.ndarray) -> Pools:
        sessions = self.sessions.taken(rows)
        items = self.world.pools(domain, self.day, sessions, self.rounds[rows])
        again = (items[:, :, np.newaxis] == self.shown[rows][:, np.newaxis, : self.places.max(initial=0)]).any(axis=2)
        return Pools(
            domain=domain,
            day=self.day,
            users=sessions.users,
            numbers=sessions.numbers,
            rounds=self.rounds[rows],
            times=self.times[rows],
            scenarios=sessions.scenarios,
            items=np.where(again, -1, items),
        )

    def _watch(
        self, domain: str, rows: np.ndarray, slate: np.ndarray, impressions: list[pd.DataFrame], arms: np.ndarray
    ) -> np.ndarray:
        """Has people look at their slates until they leave; changes the state. Returns who goes on, as `rows`."""
        going_on = slate[:, 0] >= 0
        for position in range(slate.shape[1]):
            looking = np.flatnonzero(going_on & (slate[:, position] >= 0))
            if not len(looking):
                break
            chosen, items = rows[looking], slate[looking, position]
            sessions, places = self.sessions.taken(chosen), self.places[chosen]
            positions = np.full(len(looking), position)
            answers = self.world.answers(domain, self.day, sessions, items, places, positions)
            impressions.append(
                pd.DataFrame(
                    {
                        "user": sessions.users,
                        "arm": arms[sessions.users],
                        "day": self.day,
                        "session": sessions.numbers,
                        "round": self.rounds[chosen] - 1,
                        "place": places,
                        "position": positions,
                        "domain": domain,
                        "scenario": sessions.scenarios,
                        "item": items,
                        "time_ms": self.times[chosen],
                        **{field.name: getattr(answers, field.name) for field in dataclasses.fields(answers)},
                    }
                )
            )
            self.shown[chosen, places] = items
            self.boredom[chosen] = boredom_after(self.world.settings, self.boredom[chosen], answers.skipped)
            self.stay_ms[chosen] += answers.stay_ms
            self.places[chosen] += 1
            left = self.world.ends(self.day, sessions, places, self.boredom[chosen], self.stay_ms[chosen])
            going_on[looking[left]] = False
        return going_on

    def _taken(self, chosen: np.ndarray) -> "_Running":
        states = ("times", "rounds", "places", "boredom", "stay_ms", "shown")
        taken = {name: getattr(self, name)[chosen] for name in states}
        return dataclasses.replace(self, sessions=self.sessions.taken(chosen), **taken)
