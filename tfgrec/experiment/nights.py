"""At night arms learn from the day's logs, and what they have learnt is exported: tfgrec-train's own stages."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfgrec.checks.preflight import check_run
from tfgrec.config import RunConfig, dump_config, load_run_config, load_tables_config
from tfgrec.config.experiment import ExperimentConfig
from tfgrec.config.sampling import SplitConfig
from tfgrec.errors import ConfigurationError
from tfgrec.experiment.experiment_directory import ExperimentDirectory
from tfgrec.files import read_json, write_json
from tfgrec.run.earlier_runs import with_recorded_weights
from tfgrec.run.job_process import JobProcess
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.stage_log import run_module
from tfgrec.simulation.living_tables import HOUR_COLUMN
from tfgrec.stages.data_stages import DataStages

_HOURS = 24
_FINISHED = "finished.json"


class Nights:
    """Builds graphs, samples records, trains and exports; what is finished is not done again.

    Args:
      config: the experiment's.
      directory: where it goes.
      groups: arms with a model, by the logs that they learn from.
      announce: told what is done.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        directory: ExperimentDirectory,
        groups: Mapping[str, Sequence[str]],
        *,
        announce: Callable[[str], None] = print,
    ) -> None:
        self._config, self._directory, self._groups = config, directory, groups
        self._announce = announce
        # Of a night: what its jobs import, they import once.
        self._jobs = JobProcess()

    @property
    def _first(self) -> int:
        return self._config.pre_days - 1

    def check(self) -> None:
        """Refuses what could not be trained, before a day is lived.

        Raises:
          ConfigurationError: names file and key.
        """
        if self._first < self._config.retraining.graph_only_days:
            raise ConfigurationError(
                f"pre_days: {self._config.pre_days} leave no day to train on after "
                f"retraining.graph_only_days {self._config.retraining.graph_only_days}"
            )
        for arms in self._groups.values():
            for arm in arms:
                config = self.run_config(self._first, arm=arm)
                check_run(config, load_tables_config(config.schema_dir))

    def is_due(self, day: int) -> bool:
        """Whether there is a training at the end of a day; none after the last one, which nobody would see."""
        since = day - self._first
        return 0 <= since < self._config.days and since % self._config.retraining.every_days == 0

    def newest(self, day: int) -> int:
        """The last night with a training before a day of the experiment."""
        return max(night for night in range(day) if self.is_due(night))

    def run(self, day: int) -> None:
        """Brings all that a night makes up to date.

        Raises:
          StageFailed: a job failed, and has said why.
          TfgrecError: the configuration or the data can't be used.
        """
        for group, arms in self._groups.items():
            night = self._directory.night(day, group)
            if (night.root / _FINISHED).exists():
                continue
            with contextlib.closing(self._jobs):
                seconds = {"graph and records": _timed(self._data, day, group, night)}
            for arm in arms:
                self._announce(f"night {day}, {arm}: trains on {group} logs")
                seconds[arm] = _timed(self._train, day, group, arm)
            write_json(night.root / _FINISHED, {"seconds": seconds})

    def seconds(self, day: int, group: str) -> dict[str, float]:
        """What the parts of a night took."""
        return read_json(self._directory.night(day, group).root / _FINISHED)["seconds"]

    def run_config(self, day: int, *, arm: str | None = None, group: str | None = None) -> RunConfig:
        """The configuration of a night: split by hours of the world, warm started from the night before."""
        options, first = self._config.retraining, day == self._first
        config = with_recorded_weights(
            load_run_config(self._config.run, [*self._config.set, *([] if first else options.set)])
        )
        begin = options.graph_only_days if first else max(options.graph_only_days, day + 1 - options.window_days)
        cut, end = (day + 1) * _HOURS - options.validation_hours, (day + 1) * _HOURS - 1
        training = {"seed": config.training.seed + self._config.seed}
        if arm is not None and group is not None and not first:
            earlier = self._directory.training(self.newest(day), group, arm)
            training["warm_start_from"] = str(earlier.root)
        return config.model_copy(
            update={
                "schema_dir": str(self._directory.schema.resolve()),
                "split": SplitConfig(column=HOUR_COLUMN, train=(begin * _HOURS, cut - 1), validation=(cut, end)),
                "arm": arm or config.arm,
                "training": config.training.model_copy(update=training),
            }
        )

    def _data(self, day: int, group: str, night: RunDirectory) -> None:
        config, data = self.run_config(day), self._directory.data(group)
        announce = self._announcing(f"night {day}")
        if day == self._first:
            DataStages(config, night, data, announce=announce, jobs=self._jobs).run()
            return
        if not (night.graph / "manifest.json").exists():
            announce("graph: the day is added")
            written = night.root / "run.yaml"
            dump_config(config, written)
            earlier = self._directory.night(self.newest(day), group).graph
            options = _options(config=written, data=data, output=night.graph, add_to=earlier)
            self._jobs.run("beam_jobs.build_graph", *options)
        DataStages(config, night, data, announce=announce, jobs=self._jobs).sample()

    def _train(self, day: int, group: str, arm: str) -> None:
        run = self._directory.training(day, group, arm)
        written = run.root / "asked.yaml"
        dump_config(self.run_config(day, arm=arm, group=group), written)
        # A process of its own gives back what TensorFlow's graphs take, training after training.
        run_module(
            "tfgrec.experiment.arm_training", *_options(config=written, run_dir=run.root, data_root=run.data_root)
        )

    def _announcing(self, who: str) -> Callable[[str], None]:
        return lambda line: self._announce(f"{who}: {line}")


def _options(**values: Path) -> list[str]:
    return [text for name, value in values.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def _timed(work: Callable[..., None], *arguments: Any) -> float:
    started = time.monotonic()
    work(*arguments)
    return time.monotonic() - started
