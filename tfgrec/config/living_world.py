"""Dials of a world that lives: how sessions begin, what is put before people, and when they have had enough."""

from pydantic import Field

from tfgrec.config.base import FrozenConfig
from tfgrec.config.world import Share


class LivingSettings(FrozenConfig):
    """Equations: see `tfgrec.simulation.living_world`. Drift, newcomers and the graph signal are WorldSettings'.

    Attributes:
      sessions_per_day: of an average user in an average mood.
      pool_size: items that a request's candidates are; drawn by popularity and freshness.
      slate_size: of these, how many a policy puts in a row.
      most_impressions: after which a session ends at the latest.
      skip_share: an impression that is left before this share of the item's length is a skip.
      live_skip_seconds: likewise of a live room, which has no length.
      glance_seconds: how long somebody looks at what is not clicked on, at most.
      position_strength: logit of a click that a place in the slate costs, times ln(1 + place).
      exit_logit: of ending the session after an impression, with neither boredom nor satisfaction.
      boredom_strength: logit a unit of boredom, which each skip adds one to.
      boredom_keep: the share of boredom that stays from one impression to the next.
      satisfaction_strength: logit a minute that was spent in the session.
      return_strength: how much a day's mood changes the next days' sessions; 0: people come back whatever they saw.
      mood_keep: the share of a mood that stays for a day.
      usual_watched: the share of impressions not skipped that leaves a mood as it is.
    """

    sessions_per_day: float = Field(default=0.7, gt=0)
    pool_size: int = Field(default=24, ge=2)
    slate_size: int = Field(default=4, ge=1)
    most_impressions: int = Field(default=60, ge=1)
    skip_share: Share = 0.25
    live_skip_seconds: float = Field(default=10.0, ge=0)
    glance_seconds: float = Field(default=3.0, ge=0)
    position_strength: float = Field(default=0.2, ge=0)
    exit_logit: float = -4.0
    boredom_strength: float = Field(default=0.8, ge=0)
    boredom_keep: Share = 0.8
    satisfaction_strength: float = Field(default=0.5, ge=0)
    return_strength: float = Field(default=1.0, ge=0)
    mood_keep: Share = 0.7
    usual_watched: Share = 0.4
