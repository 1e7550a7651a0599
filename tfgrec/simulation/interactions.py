"""The logs: what users did with what was shown to them, day by day."""

import dataclasses

import numpy as np

from tfgrec.config.world import DOMAINS, LIVE, SCENARIOS, Scenario
from tfgrec.simulation.requests import draw_candidates, draw_requests
from tfgrec.simulation.world import SECONDS, World

LONG_VIEW_MS = 18 * SECONDS
LONG_VISIT_MS = 60 * SECONDS
LIKE_LOGIT = -4.8
FOLLOW_SHARE = 0.3


@dataclasses.dataclass(frozen=True)
class Interactions:
    """One domain's impressions in order of time, all `[num_impressions]`.

    `users` and `items` are positions in the world, `times` ms since 1970, `scenarios` positions in SCENARIOS. The
    outcomes are what a log knows; `click_probability` is what only the world knows. `follows` are the impressions
    after which the user began to follow the author.
    """

    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    days: np.ndarray
    scenarios: np.ndarray
    is_click: np.ndarray
    long_view: np.ndarray
    is_like: np.ndarray
    watch_time_ms: np.ndarray
    follows: np.ndarray
    click_probability: np.ndarray

    def __len__(self) -> int:
        return len(self.users)


def simulate_interactions(world: World) -> dict[str, Interactions]:
    """Lives through the world's days; the same world gives the same logs. Returns {domain: its impressions}."""
    parts: dict[str, list[Interactions]] = {domain: [] for domain in DOMAINS}
    for day in range(world.settings.days):
        generator = np.random.default_rng([world.settings.seed, 1, day])
        requests = draw_requests(generator, world, day)
        for position, scenario in enumerate(SCENARIOS):
            chosen = np.flatnonzero(requests.scenarios == position)
            request, items, suits = draw_candidates(generator, world, day, requests.users[chosen], scenario)
            users, times = requests.users[chosen][request], requests.times[chosen][request]
            part = _watch(generator, world, day, scenario, users, items, suits, times)
            parts[scenario.domain].append(part)
    return {domain: _in_order_of_time(of_domain) for domain, of_domain in parts.items()}


def _watch(
    generator: np.random.Generator,
    world: World,
    day: int,
    scenario: Scenario,
    users: np.ndarray,
    items: np.ndarray,
    suits: np.ndarray,
    times: np.ndarray,
) -> Interactions:
    """What users make of the items shown to them; all `[num_impressions]`. Equation (3) of `suitability`."""
    catalogue = world.catalogues[scenario.domain]
    trend = world.trend(scenario.domain, day, items)
    appeal = world.settings.taste_strength * suits + catalogue.quality[items] + trend
    click_probability = sigmoid(scenario.click_logit + world.biases[users] + appeal)
    is_click = generator.random(len(users)) < click_probability
    luck = generator.normal(size=len(users))
    watch_time = watch_times(luck, appeal, is_click, catalogue.duration_ms[items], scenario.domain)
    enough = LONG_VISIT_MS if scenario.domain == LIVE else np.minimum(LONG_VIEW_MS, catalogue.duration_ms[items])
    is_like = is_click & (generator.random(len(users)) < sigmoid(LIKE_LOGIT + appeal))
    return Interactions(
        users=users,
        items=items,
        times=times,
        days=np.full(len(users), day),
        scenarios=np.full(len(users), SCENARIOS.index(scenario)),
        is_click=is_click,
        long_view=watch_time >= enough,
        is_like=is_like,
        watch_time_ms=watch_time,
        follows=is_like & (generator.random(len(users)) < FOLLOW_SHARE),
        click_probability=click_probability,
    )


def watch_times(
    luck: np.ndarray, appeal: np.ndarray, is_click: np.ndarray, duration_ms: np.ndarray, domain: str
) -> np.ndarray:
    """Milliseconds `[num_impressions]`: none without a click, longer with more appeal; a video may be seen again.

    `luck` is standard normal.
    """
    patience = np.exp(0.5 * appeal + 0.7 * luck)
    watched = 45 * SECONDS * patience if domain == LIVE else np.minimum(0.6 * duration_ms * patience, 3 * duration_ms)
    return np.where(is_click, watched, 0).astype(np.int64)


def _in_order_of_time(parts: list[Interactions]) -> Interactions:
    joined = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(Interactions)
    }
    order = np.argsort(joined["times"], kind="stable")
    return Interactions(**{name: values[order] for name, values in joined.items()})


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits."""
    return 1 / (1 + np.exp(-logits))
