"""What tfx_pipeline needs to know beyond a run: which days, what is measured, and what stops a model or a day."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from tfgrec.config.base import FrozenConfig


class WindowConfig(FrozenConfig):
    """Days of a run, counted back from its newest.

    Attributes:
      train_days: are learned.
      eval_days: are measured on, and come after them.
    """

    train_days: int = Field(default=7, ge=1)
    eval_days: int = Field(default=1, ge=1)


class SliceConfig(FrozenConfig):
    """Cuts the candidates by a `_readout` feature: by its value, or by the ranges between `boundaries`.

    Boundaries [1, 10] make the slices "< 1", "1 to 10" (10 excluded) and ">= 10". With `cold: user` or `cold: item` in
    place of a feature, the slices are "cold", whose user or item had no event before the request, and "warm".

    Attributes:
      feature: of `_readout`.
      boundaries: between the ranges, rising; none: every value is a slice.
      cold: in place of a feature, whose events tell the slices apart.
    """

    feature: str | None = None
    boundaries: list[float] = []
    cold: Literal["user", "item"] | None = None

    @property
    def cuts_by(self) -> str:
        """What the candidates are cut by, in words."""
        return self.feature or f"whether the {self.cold} had an event before the request"

    @field_validator("boundaries")
    @classmethod
    def _rise(cls, boundaries: list[float]) -> list[float]:
        if sorted(set(boundaries)) != boundaries:
            raise ValueError(f"boundaries have to rise, received {boundaries}")
        return boundaries

    @model_validator(mode="after")
    def _by_one_thing(self) -> "SliceConfig":
        if (self.feature is None) == (self.cold is None) or (self.cold is not None and self.boundaries):
            raise ValueError("give either a feature, with or without boundaries, or cold: user or item")
        return self


class ThresholdConfig(FrozenConfig):
    """What a metric has to reach for a model to be blessed.

    There is no gain to ask for while no model is blessed. With `min_gain` 0 a `confidence` asks for a model that is
    surely better, with -0.002 for one that is surely not worse by more.

    Attributes:
      at_least: the lowest value.
      at_most: the highest value.
      min_gain: how much better than the blessed model's it has to be: 0 asks for better or equal, 0.001 for a real
        gain, -0.002 lets it get that much worse.
      confidence: such as 0.95: it has to be as good as certain that the gain is no matter of chance: its lower bound
        at that confidence (one-sided, by paired bootstrap over users) has to reach `min_gain`.
    """

    at_least: float | None = None
    at_most: float | None = None
    min_gain: float | None = None
    confidence: float | None = Field(default=None, gt=0.5, lt=1)

    @model_validator(mode="after")
    def _bounds_something(self) -> "ThresholdConfig":
        if self.at_least is None and self.at_most is None and self.min_gain is None:
            raise ValueError("needs at_least, at_most or min_gain")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"no value is at least {self.at_least} and at most {self.at_most}")
        if self.confidence is not None and self.min_gain is None:
            raise ValueError("confidence: is that of min_gain, which is not given")
        return self


class PipelineConfig(FrozenConfig):
    """The section `pipeline` of a run's YAML.

    Attributes:
      window: which days.
      thresholds: by task, then by metric (those of `tfgrec.metrics.METRICS`); without any, every model is blessed.
      slices: by a name of one's own; `evaluation.scenario` is a slice in any case.
      drift: by node set (`_readout` for requests) or edge set, then by feature (`#size`: how many a request has): how
        far its distribution in the days of evaluation may lie from that in the training days (0 to 1: L-infinity
        distance of categorical, Jensen-Shannon divergence of numeric features).
      skew: the same between serving and training examples.
      warm_start: whether training starts from the blessed model.
      beam: options for Beam, by component, `default` for all others.
      keep_runs: how many complete runs keep all of their artifacts on the local runner's disk (see
        `tfx_pipeline.local.retention`); without it nothing is ever removed.
    """

    window: WindowConfig = WindowConfig()
    thresholds: dict[str, dict[str, ThresholdConfig]] = {}
    slices: dict[str, SliceConfig] = {}
    drift: dict[str, dict[str, float]] = {}
    skew: dict[str, dict[str, float]] = {}
    warm_start: bool = True
    beam: dict[str, list[str]] = {}
    keep_runs: int | None = Field(default=None, ge=1)

    @field_validator("drift", "skew")
    @classmethod
    def _within_distances(cls, distances: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for node_set, features in distances.items():
            for feature, distance in features.items():
                if not 0 < distance <= 1:
                    raise ValueError(f"{node_set}.{feature}: a distance lies between 0 and 1, received {distance}")
        return distances
