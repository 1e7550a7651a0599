"""Arms trained on the same graph and the same records, and compared on the same validation rows."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfgrec.config import RunConfig
from tfgrec.config.run import Arm
from tfgrec.data_stages import DataStages
from tfgrec.graph.store.files import write_json
from tfgrec.model_stages import ModelStages
from tfgrec.run_directory import RunDirectory

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison


class Comparison:
    """Runs of several arms and training seeds in one folder, which share graph, examples and schema.

    Args:
      config: the configuration of all runs but for arm and seed.
      root: the folder; runs are in `arms/<arm>/seed-<seed>`.
      data: the folder of the tables.
      arms: what to train.
      seeds: training seeds, one run of each arm for each.
      announce: told what is done or skipped, and why.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        root: Path,
        data: Path,
        arms: Sequence[Arm],
        seeds: Sequence[int],
        announce: Callable[[str], None] = print,
    ):
        self._config = config
        self._root = root
        self._data = data
        self._arms = arms
        self._seeds = seeds
        self._announce = announce

    def run(self, *, baseline: Arm) -> "ArmComparison":
        """Trains what is not trained yet; writes comparison.json and comparison.html.

        Raises:
          StageFailed: a data job failed, and has said why.
          TfgrecError: the configuration or the data can't be used.
        """
        DataStages(self._config, RunDirectory.at(self._root), self._data, announce=self._announce).run()
        runs = {arm: [self._run_arm(arm, seed) for seed in self._seeds] for arm in self._arms}

        from tfgrec.report import compare_arms, write_comparison_report

        comparison = compare_arms(runs, baseline=baseline)
        costs = {arm: [run.training for run in of_arm] for arm, of_arm in comparison.runs.items()}
        write_json(self.summary, {**comparison.to_json(), "training": costs})
        write_comparison_report(comparison, self.report)
        return comparison

    @property
    def summary(self) -> Path:
        """The numbers, as JSON."""
        return self._root / "comparison.json"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self._root / "comparison.html"

    def _run_arm(self, arm: Arm, seed: int) -> Path:
        training = self._config.training.model_copy(update={"seed": seed})
        config = self._config.model_copy(update={"arm": arm, "training": training})
        run = RunDirectory.at(self._root / "arms" / arm / f"seed-{seed}", data_root=self._root)
        ModelStages(config, run, announce=lambda line: self._announce(f"{arm}, seed {seed}: {line}")).run()
        return run.root
