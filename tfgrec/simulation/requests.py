"""Who opens the app when and where, and which items are put before them."""

import dataclasses

import numpy as np

from tfgrec.config.world import SCENARIOS, Scenario
from tfgrec.simulation.suitability import suitability
from tfgrec.simulation.world import World

DAY_MS = 86_400_000
# 2024-03-04, a Monday, at midnight in UTC.
FIRST_DAY_MS = 1_709_510_400_000
REQUESTS_PER_SESSION = 2.0
MINUTES_BETWEEN_REQUESTS = 4.0
# Candidates are the best of a pool that is drawn by popularity: retrieval, then ranking.
POOL_SIZE = 24
# People watch at noon, and most in the evening: relative numbers of sessions in the hours of a day.
HOURS = np.array([3, 2, 1, 1, 1, 1, 2, 4, 5, 5, 5, 6, 8, 7, 5, 5, 5, 6, 8, 10, 12, 12, 9, 6], dtype=np.float64)


@dataclasses.dataclass(frozen=True)
class DayRequests:
    """The requests of one day: users, times in ms since 1970 and positions in SCENARIOS, all `[num_requests]`."""

    users: np.ndarray
    times: np.ndarray
    scenarios: np.ndarray


def draw_requests(generator: np.random.Generator, world: World, day: int) -> DayRequests:
    """Draws a day's sessions of the users who have joined, and their requests, in order of time."""
    settings = world.settings
    sizes = np.array([np.mean(scenario.candidates) for scenario in SCENARIOS])
    shares = np.array([scenario.share for scenario in SCENARIOS])
    sessions = settings.impressions / (sizes @ shares) / REQUESTS_PER_SESSION
    present_days = settings.days - world.join_days
    rates = np.where(world.join_days <= day, world.activity, 0) * sessions / (world.activity @ present_days)
    users = np.repeat(np.arange(settings.users), generator.poisson(rates))
    hours = generator.choice(24, size=len(users), p=HOURS / HOURS.sum())
    starts = FIRST_DAY_MS + day * DAY_MS + hours * (DAY_MS // 24) + generator.integers(DAY_MS // 24, size=len(users))
    lengths = generator.geometric(1 / REQUESTS_PER_SESSION, size=len(users))
    session = np.repeat(np.arange(len(users)), lengths)
    waits = (generator.exponential(MINUTES_BETWEEN_REQUESTS * 60_000, size=len(session)) + 1_000).astype(np.int64)
    waited = np.cumsum(waits)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    times = starts[session] + waited - waited[first][session]
    scenarios = generator.choice(len(SCENARIOS), size=len(session), p=shares / shares.sum())
    # Midnight ends a session, so that a day's requests are in that day.
    order = np.argsort(times, kind="stable")
    order = order[times[order] < FIRST_DAY_MS + (day + 1) * DAY_MS]
    return DayRequests(users[session][order], times[order], scenarios[order])


def draw_candidates(
    generator: np.random.Generator, world: World, day: int, users: np.ndarray, scenario: Scenario
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chooses what requests of one scenario show: distinct items of that day's catalogue, most suitable first.

    Returns:
      The position of each candidate's request in `users [num_requests]`, its item, and how well that suits the user
      this time, all `[num_candidates]`.
    """
    catalogue = world.catalogues[scenario.domain]
    present = np.flatnonzero(catalogue.first_day <= day)
    freshness = np.exp(-(day - catalogue.first_day[present]) / 2.0)
    weights = np.exp(catalogue.popularity[present] + freshness)
    pool = present[generator.choice(len(present), size=(len(users), POOL_SIZE), p=weights / weights.sum())]
    pool.sort(axis=1)
    suitable = suitability(world, scenario, day, users, pool)
    scores = scenario.personalisation * suitable + generator.gumbel(size=pool.shape)
    scores[:, 1:][pool[:, 1:] == pool[:, :-1]] = -np.inf
    ranked = np.argsort(-scores, axis=1)
    smallest, largest = scenario.candidates
    wanted = generator.integers(smallest, largest, size=len(users), endpoint=True)
    distinct = np.isfinite(scores).sum(axis=1)
    shown = np.arange(POOL_SIZE) < np.minimum(wanted, distinct)[:, np.newaxis]
    items, suits = (np.take_along_axis(values, ranked, axis=1)[shown] for values in (pool, suitable))
    return np.nonzero(shown)[0], items, suits
