"""Lives through an experiment day by day: each day and each night is kept, so that what was killed goes on."""

import functools
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfgrec.config import dump_config, load_run_config
from tfgrec.config.experiment import ExperimentConfig
from tfgrec.errors import ConfigurationError
from tfgrec.experiment.arms import MODEL_ARMS, PLAIN_ARMS
from tfgrec.experiment.assignment import assign
from tfgrec.experiment.day_of_sessions import live_day
from tfgrec.experiment.experiment_directory import ExperimentDirectory
from tfgrec.experiment.nights import Nights
from tfgrec.experiment.policies import LoggingPolicy, OraclePolicy, PopularPolicy, RandomPolicy
from tfgrec.experiment.pools import Policy
from tfgrec.experiment.served_arms import ServedArms
from tfgrec.experiment.user_sums import moods_after, user_sums
from tfgrec.files import read_json, write_atomically, write_json
from tfgrec.progress import stage_progress
from tfgrec.run.claim import claimed
from tfgrec.simulation.living_tables import event_tables, write_day_schema
from tfgrec.simulation.living_world import LivingWorld
from tfgrec.simulation.tables import node_tables
from tfgrec.simulation.world import create_world

LOGGING = "logging"
"""The policy of the days before the experiment."""
# What may be changed without living the days again.
_NO_MATTER_OF_THE_DAYS = {"name", "confidence", "guard_rails"}
_MOODS = "moods.npz"


class OnlineExperiment:
    """An experiment in a folder.

    Args:
      config: the experiment's configuration.
      arms: names, see `tfgrec.experiment.arms`; their order is part of the experiment.
      root: the folder, new or of this very experiment.
      announce: told what is done.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        arms: Sequence[str],
        root: Path,
        *,
        announce: Callable[[str], None] = print,
    ) -> None:
        self.config, self.arms, self.directory = config, tuple(arms), ExperimentDirectory(root)
        self._announce = announce
        self._nights = Nights(config, self.directory, self.groups, announce=announce)

    @cached_property
    def world(self) -> LivingWorld:
        """What answers."""
        return LivingWorld(create_world(self.config.world_settings), self.config.living)

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """Arms with a model, by the logs that they learn from."""
        models = [arm for arm in self.arms if arm in MODEL_ARMS]
        if not models:
            return {}
        return {"shared": models} if self.config.retraining.logs == "shared" else {arm: [arm] for arm in models}

    @property
    def plain_arms(self) -> list[str]:
        """Arms that need no training."""
        return [arm for arm in self.arms if arm in PLAIN_ARMS]

    @cached_property
    def assigned(self) -> np.ndarray:
        """The position of each user's arm, `[num_users]`."""
        split = self.config.split
        return assign(self.world.world.user_ids.tolist(), self.arms, salt=split.salt, shares=split.shares)

    @property
    def days(self) -> range:
        """The experiment's days; those before are its pre-period."""
        return range(self.config.pre_days, self.config.pre_days + self.config.days)

    @property
    def nights(self) -> Nights:
        """When models are trained."""
        return self._nights

    def run(self) -> None:
        """Lives through all days that have not been lived yet.

        Raises:
          ConfigurationError: the folder is of another experiment, or the configuration can't be used.
          StageFailed: a job of a night failed, and has said why.
        """
        with claimed(self.directory.root, "experiment"):
            self._begin()
            for day in range(self.days.stop):
                if not self._is_lived(day):
                    self._live(day)
                if self.groups and self._nights.is_due(day):
                    self._nights.run(day)

    def impressions(self, day: int) -> pd.DataFrame:
        """What was shown on a day that has been lived."""
        return pd.read_parquet(self.directory.day(day) / "impressions.parquet")

    def truth(self, day: int) -> pd.DataFrame | None:
        """Sums of all users under each arm that needs no training; None where they were not asked for."""
        path = self.directory.day(day) / "truth.parquet"
        return pd.read_parquet(path) if path.exists() else None

    def cost(self, day: int) -> dict[str, Any]:
        """What a day's serving took."""
        return read_json(self.directory.day(day) / "cost.json")

    def _begin(self) -> None:
        unknown = sorted(set(self.config.split.shares) - set(self.arms))
        if unknown:
            raise ConfigurationError(f"split.shares: {', '.join(unknown)}: not among --arms {' '.join(self.arms)}")
        made_from = {
            "arms": list(self.arms),
            "config": self.config.model_dump(mode="json", exclude=_NO_MATTER_OF_THE_DAYS),
        }
        made_from = json.loads(json.dumps(made_from))
        path = self.directory.made_from
        if path.exists() and read_json(path) != made_from:
            raise ConfigurationError(
                f"--run-dir {self.directory.root}: holds another experiment, of other arms or another configuration "
                f"({path}): choose another folder"
            )
        write_json(path, made_from)
        dump_config(self.config, self.directory.config)
        if self.groups:
            write_day_schema(Path(load_run_config(self.config.run, self.config.set).schema_dir), self.directory.schema)
            self._nights.check()
            for group in self.groups:
                for name, table in node_tables(self.world.world).items():
                    path = self.directory.data(group) / name
                    if not path.exists():
                        write_atomically(path, functools.partial(table.to_csv, index=False))

    def _is_lived(self, day: int) -> bool:
        return (self.directory.day(day) / _MOODS).exists()

    def _moods(self, day: int) -> dict[str, np.ndarray]:
        """Moods as a day begins: those of the experiment, and those of each world of the truth."""
        if day == 0:
            return {"": np.zeros(self.world.num_users)}
        with np.load(self.directory.day(day - 1) / _MOODS) as saved:
            return dict(saved)

    def _live(self, day: int) -> None:
        started, moods, before = time.monotonic(), self._moods(day), day not in self.days
        served = ServedArms(self, day) if self.groups and not before else None
        policies = self._policies(day, served)
        arms = np.zeros(self.world.num_users, int) if before else self.assigned
        sessions = self.world.sessions(day, moods[""])
        if not len(sessions):
            raise ConfigurationError(
                f"nobody opens the app on day {day} of the world: more world.users or a higher living.sessions_per_day"
            )
        title = f"day {day - self.config.pre_days}" if before else f"day {day - self.config.pre_days + 1}"
        with stage_progress(title, len(sessions), unit="sessions") as advance:
            impressions = live_day(
                self.world,
                day,
                sessions,
                arms=arms,
                policies=policies,
                observe=served.append if served is not None else None,
                blocks=self.config.blocks_per_day,
                advance=advance,
            )
        truth = [] if before else [self._true_day(day, arm, policies[arm], moods) for arm in self._with_truth]
        moods[""] = moods_after(self.world, moods[""], user_sums(impressions))
        cost = {"seconds": time.monotonic() - started, "arms": served.cost() if served is not None else {}}
        if served is not None:
            served.close()
        self._keep(day, impressions, pd.concat(truth) if truth else None, moods, cost)

    @property
    def _with_truth(self) -> list[str]:
        return self.plain_arms if self.config.truth else []

    def _policies(self, day: int, served: ServedArms | None) -> dict[str, Policy]:
        if day not in self.days:
            return {LOGGING: LoggingPolicy(world=self.world, seed=self.config.seed)}
        made: dict[str, Callable[[], Policy]] = {
            "popular": lambda: PopularPolicy(clicks=self._clicks(day)),
            "random": lambda: RandomPolicy(seed=self.config.seed),
            "oracle": lambda: OraclePolicy(world=self.world),
        }
        return {arm: made[arm]() if arm in made else served.policies[arm] for arm in self.arms}

    def _clicks(self, day: int) -> dict[str, np.ndarray]:
        """Clicks of the last days on each item, by domain."""
        days = range(max(0, day - self.config.popular_days), day)
        frame = pd.concat([self.impressions(one)[["domain", "item", "is_click"]] for one in days])
        clicked = frame[frame["is_click"]]
        return {
            domain: np.bincount(clicked.loc[clicked["domain"] == domain, "item"], minlength=len(catalogue.ids))
            for domain, catalogue in self.world.world.catalogues.items()
        }

    def _true_day(self, day: int, arm: str, policy: Policy, moods: dict[str, np.ndarray]) -> pd.DataFrame:
        """A day in which one arm serves everybody; what users did, and their moods put into `moods`."""
        # Until the experiment all worlds are one.
        before = moods.get(arm, moods[""])
        impressions = live_day(
            self.world,
            day,
            self.world.sessions(day, before),
            arms=np.zeros(self.world.num_users, int),
            policies={arm: policy},
            blocks=1,
        )
        sums = user_sums(impressions)
        moods[arm] = moods_after(self.world, before, sums)
        return sums.assign(arm=arm)

    def _keep(
        self,
        day: int,
        impressions: pd.DataFrame,
        truth: pd.DataFrame | None,
        moods: Mapping[str, np.ndarray],
        cost: Mapping[str, Any],
    ) -> None:
        """Writes a day; the moods come last, and say that it has been lived."""
        folder = self.directory.day(day)
        for group, arms in self.groups.items():
            for name, table in event_tables(self.world.world, self.of_group(day, impressions, arms)).items():
                path = self.directory.data(group) / name / f"day-{day:03d}.parquet"
                write_atomically(path, functools.partial(table.to_parquet, index=False))
        write_atomically(folder / "impressions.parquet", functools.partial(impressions.to_parquet, index=False))
        if truth is not None:
            write_atomically(folder / "truth.parquet", functools.partial(truth.to_parquet, index=False))
        write_json(folder / "cost.json", cost)
        write_atomically(folder / _MOODS, lambda file: np.savez(file, **moods))
        for group in self.groups:
            shutil.rmtree(self.directory.log(day, group), ignore_errors=True)

    def of_group(self, day: int, impressions: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
        """The impressions that a group of arms learns from: all, or in the experiment with own logs its users'."""
        if self.config.retraining.logs == "shared" or day not in self.days:
            return impressions
        return impressions[impressions["arm"].isin([self.arms.index(arm) for arm in arms])]
