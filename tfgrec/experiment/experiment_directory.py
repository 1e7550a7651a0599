"""Where an experiment keeps what: one folder with everything of it, day by day."""

import dataclasses
from pathlib import Path

from tfgrec.run.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class ExperimentDirectory:
    """The paths of one experiment. A `group` is a set of arms that learn from the same logs."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.root / "experiment.yaml"

    @property
    def made_from(self) -> Path:
        """What the days were lived by (JSON): another world or other arms are another experiment."""
        return self.root / "made_from.json"

    @property
    def schema(self) -> Path:
        """The schema folder of the models' runs, with a file a day of each log."""
        return self.root / "schema"

    @property
    def summary(self) -> Path:
        """The numbers (JSON)."""
        return self.root / "experiment.json"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.root / "experiment.html"

    def day(self, day: int) -> Path:
        """What one day was: impressions, moods, truth."""
        return self.root / "days" / f"{day:03d}"

    def data(self, group: str) -> Path:
        """The tables that a group's models learn from."""
        return self.root / "data" / group

    def log(self, day: int, group: str) -> Path:
        """The live log of a day, for a group's graph."""
        return self.root / "live" / f"{day:03d}-{group}.log"

    def night(self, day: int, group: str) -> RunDirectory:
        """Graph and records of a group as of the end of a day."""
        return RunDirectory.at(self.root / "nights" / f"{day:03d}" / group)

    def training(self, day: int, group: str, arm: str) -> RunDirectory:
        """An arm's training at the end of a day."""
        night = self.night(day, group)
        return RunDirectory.at(night.root / "arms" / arm, data_root=night.root)
