"""What a simulated world is like: sizes, days, scenarios and the strength of the planted signal."""

import dataclasses
from typing import Annotated

from pydantic import Field

from tfgrec.config.base import FrozenConfig

Share = Annotated[float, Field(ge=0, le=1)]

VIDEO = "video"
LIVE = "live"
DOMAINS = (VIDEO, LIVE)


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A place in the app: its share of all requests, candidates a request, how much it knows of tastes, its clicks.

    `personalisation` is the weight of affinity in choosing candidates (0: by popularity alone); `click_logit` is
    the logit of a click on an average item by an average user.
    """

    name: str
    domain: str
    share: float
    candidates: tuple[int, int]
    personalisation: float
    click_logit: float


SCENARIOS = (
    Scenario("feed", VIDEO, share=0.50, candidates=(2, 6), personalisation=0.4, click_logit=-0.8),
    Scenario("discover", VIDEO, share=0.25, candidates=(4, 8), personalisation=0.1, click_logit=-1.5),
    Scenario("live_feed", LIVE, share=0.10, candidates=(1, 3), personalisation=0.4, click_logit=-1.3),
    Scenario("live_square", LIVE, share=0.15, candidates=(3, 6), personalisation=0.2, click_logit=-1.0),
)


class WorldSettings(FrozenConfig):
    """Sizes of the world and how it behaves; logits are per standard deviation of the thing named.

    Attributes:
      impressions: expected number of rows in both logs together.
      latent_dimension: of tastes and topics.
      taste_strength: logit of a click per unit of affinity (taste times topic): the planted signal. Tastes and
        topics are in no table; they show in who watches what alone.
      graph_signal: the dial, see `tfgrec.simulation.suitability`. At 1 tastes decide; at 0 chance does in their place,
        just as strongly, so that who watches what says nothing of who will.
      feature_fidelity: how often a table tells the truth about a topic or a taste; else it tells a random value.
      author_spread: how far an item's topic lies from its author's.
      daily_drift: how far tastes move in a day.
      newcomer_share: share of users who join, and of items that appear, after the first day.
    """

    seed: int = Field(default=0, ge=0)
    users: int = Field(default=3_000, ge=10)
    videos: int = Field(default=1_500, ge=20)
    live_rooms: int = Field(default=400, ge=20)
    authors: int = Field(default=200, ge=5)
    days: int = Field(default=10, ge=2)
    impressions: int = Field(default=60_000, ge=100)
    genres: int = Field(default=12, ge=2)
    latent_dimension: int = Field(default=6, ge=2)
    taste_strength: float = Field(default=1.5, ge=0)
    graph_signal: Share = 1.0
    quality_strength: float = Field(default=0.4, ge=0)
    user_bias_strength: float = Field(default=0.5, ge=0)
    trend_strength: float = Field(default=0.2, ge=0)
    feature_fidelity: Share = 0.15
    author_spread: float = Field(default=0.5, ge=0)
    daily_drift: float = Field(default=0.1, ge=0)
    newcomer_share: Share = 0.3
