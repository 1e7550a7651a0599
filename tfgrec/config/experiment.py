"""The configuration of an online experiment."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_serializer, field_validator

from tfgrec.config.base import FrozenConfig
from tfgrec.config.living_world import LivingSettings
from tfgrec.config.loading import load_config
from tfgrec.config.world import WorldSettings

# Of the world's settings.
_NO_DIALS = {"days", "impressions"}


class UserSplitConfig(FrozenConfig):
    """Users go to arms by a hash of `salt` and their id; `shares` are relative, 1 where an arm is not named."""

    salt: str = "tfgrec"
    shares: dict[str, Annotated[float, Field(gt=0)]] = {}


class RetrainingConfig(FrozenConfig):
    """What happens at night.

    Attributes:
      logs: from which logs an arm learns, and which its graph holds: those of all arms (`shared`) or its own users'.
      every_days: nights between trainings; the first is the last one before the experiment.
      window_days: of how many last days a night's training takes the requests. The first night takes all.
      graph_only_days: the world's first days, which are in the graph alone: whoever asks then has no past yet.
      validation_hours: the last hours of the last day, which measure the model and do not train it.
      set: values of the run's configuration for all nights but the first, such as `training.epochs=1`.
    """

    logs: Literal["shared", "own"] = "shared"
    every_days: int = Field(default=1, ge=1)
    window_days: int = Field(default=3, ge=1)
    graph_only_days: int = Field(default=2, ge=0)
    validation_hours: int = Field(default=4, ge=1, le=23)
    set: list[str] = []


class GuardRailsConfig(FrozenConfig):
    """What no arm may exceed: milliseconds of a call of the serving path (99th percentile), the share of requests that
    failed, and how far the calibration of clicks may lie from 1."""

    latency_ms: float = Field(default=500.0, gt=0)
    error_share: float = Field(default=0.001, ge=0)
    calibration: float = Field(default=0.25, gt=0)


class ExperimentConfig(FrozenConfig):
    """One YAML in configs/ that tfgrec-experiment starts from.

    Attributes:
      name: of the report.
      run: the configuration of the models' runs, relative to this file's folder.
      set: values of that configuration to change, as `--set` of tfgrec-train.
      seed: of policies and trainings.
      pre_days: days before the experiment, in which one logging policy serves all: models learn from them, and CUPED
        adjusts by them.
      days: of the experiment.
      blocks_per_day: parts of a day whose sessions go on side by side, see `live_day`.
      popular_days: of how many last days arm `popular` counts clicks.
      confidence: of all intervals.
      truth: whether arms that need no training also serve everybody, in worlds of their own: what the experiment
        estimates is then known.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    run: str
    set: list[str] = []
    seed: int = Field(default=0, ge=0)
    world: WorldSettings = WorldSettings()
    living: LivingSettings = LivingSettings()
    pre_days: int = Field(default=8, ge=1)
    days: int = Field(default=7, ge=1)
    split: UserSplitConfig = UserSplitConfig()
    retraining: RetrainingConfig = RetrainingConfig()
    guard_rails: GuardRailsConfig = GuardRailsConfig()
    blocks_per_day: int = Field(default=8, ge=1, le=24)
    popular_days: int = Field(default=3, ge=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    truth: bool = True

    @field_validator("world")
    @classmethod
    def _days_are_those_of_the_experiment(cls, world: WorldSettings) -> WorldSettings:
        if _NO_DIALS & world.model_fields_set:
            raise ValueError("days and impressions are no dials here: set pre_days, days and living.sessions_per_day")
        return world

    @field_serializer("world")
    def _dials(self, world: WorldSettings) -> dict[str, Any]:
        return world.model_dump(mode="json", exclude=_NO_DIALS)

    @property
    def world_settings(self) -> WorldSettings:
        """Those of the world, with as many days as the experiment and what was before take."""
        return self.world.model_copy(update={"days": self.pre_days + self.days})


def load_experiment_config(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> ExperimentConfig:
    """Reads an experiment's YAML; `overrides` are `key.path=value`. `run` becomes an absolute path.

    Raises:
      ConfigurationError: names file and key.
    """
    config = load_config(ExperimentConfig, path, overrides)
    return config.model_copy(update={"run": str((Path(path).parent / config.run).resolve())})
