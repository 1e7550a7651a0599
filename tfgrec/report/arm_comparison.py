"""Arms and variants compared on the same rows: means over training seeds, and paired differences with intervals."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgrec.config.model import TaskConfig
from tfgrec.errors import InputDataError
from tfgrec.metrics import PairedDifference, metric_names, user_bootstrap
from tfgrec.report.run_results import RunResults
from tfgrec.report.training_cost import TrainingCost, training_cost


@dataclasses.dataclass(frozen=True)
class SeedSummary:
    """A metric over the runs of one arm: mean and standard deviation (0 for one run), None where undefined."""

    mean: float | None
    standard_deviation: float | None


@dataclasses.dataclass(frozen=True)
class ArmComparison:
    """The arms' metrics, and each other arm's differences from `baseline`; an arm may also be a variant of one.

    `metrics[arm][task][metric]`, `differences[arm][task][metric]`, `by_scenario[arm][scenario][task]`, `costs[arm]`.
    `tasks` are the baseline's; an arm that learns fewer of them has fewer. `changes` are what each variant sets.
    """

    baseline: str
    tasks: dict[str, TaskConfig]
    runs: dict[str, list[RunResults]]
    metrics: dict[str, dict[str, dict[str, SeedSummary]]]
    differences: dict[str, dict[str, dict[str, PairedDifference]]]
    by_scenario: dict[str, dict[str, dict[str, PairedDifference]]]
    costs: dict[str, TrainingCost]
    changes: dict[str, list[str]]

    @property
    def num_seeds(self) -> int:
        """Training seeds of the arm that has the fewest."""
        return min(len(runs) for runs in self.runs.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values of the numbers, for comparison.json."""
        return {
            "baseline": self.baseline,
            "part": self.runs[self.baseline][0].part,
            "runs": {arm: [str(run.directory.root) for run in runs] for arm, runs in self.runs.items()},
            "variants": {
                name: {"arm": self.runs[name][0].config.arm, "set": changes} for name, changes in self.changes.items()
            },
            **{name: _plain(getattr(self, name)) for name in ("metrics", "differences", "by_scenario", "costs")},
            "training": {arm: [run.training for run in runs] for arm, runs in self.runs.items()},
        }


def compare_arms(
    run_dirs: Mapping[str, Sequence[str | Path]],
    *,
    baseline: str,
    changes: Mapping[str, Sequence[str]] | None = None,
    replicates: int = 500,
    part: str = "validation",
) -> ArmComparison:
    """Compares evaluated runs.

    Args:
      run_dirs: {arm or variant: its run directories, one a training seed, of the same seeds in the same order}.
      baseline: the arm that the others are compared with.
      changes: {variant: what it sets}, to be told.
      replicates: draws of users and seeds for each interval.
      part: `validation` or `test`: the rows that they are compared on.

    Raises:
      InputDataError: there is no such arm or no run in one, or the runs were evaluated on different rows.
    """
    runs = {
        arm: [RunResults(directory, part=part) for directory in directories] for arm, directories in run_dirs.items()
    }
    empty = [arm for arm, of_arm in runs.items() if not of_arm]
    if baseline not in runs or empty:
        raise InputDataError(f"no run of arm '{empty[0] if empty else baseline}'; arms given: {', '.join(runs)}")
    tasks = runs[baseline][0].config.model.tasks
    own_tasks = {arm: _shared_tasks(tasks, of_arm) for arm, of_arm in runs.items()}
    others = [arm for arm in runs if arm != baseline]
    return ArmComparison(
        baseline=baseline,
        tasks=tasks,
        runs=runs,
        metrics={arm: _summarise(of_arm, own_tasks[arm]) for arm, of_arm in runs.items()},
        differences={arm: _differences(runs[baseline], runs[arm], own_tasks[arm], replicates) for arm in others},
        by_scenario={
            arm: _scenario_differences(runs[baseline], runs[arm], own_tasks[arm], replicates) for arm in others
        },
        costs={arm: training_cost(of_arm) for arm, of_arm in runs.items()},
        changes={name: list(values) for name, values in (changes or {}).items()},
    )


def _shared_tasks(tasks: Mapping[str, TaskConfig], runs: list[RunResults]) -> dict[str, TaskConfig]:
    """Those of `tasks` that all runs learn as well, by the same label."""
    return {
        name: task
        for name, task in tasks.items()
        if all(
            (own := run.config.model.tasks.get(name)) is not None and (own.label, own.kind) == (task.label, task.kind)
            for run in runs
        )
    }


def _summarise(runs: list[RunResults], tasks: Mapping[str, TaskConfig]) -> dict[str, dict[str, SeedSummary]]:
    def summary(task: str, metric: str) -> SeedSummary:
        values = [run.of_part[task].get(metric) for run in runs]
        if any(value is None for value in values):
            return SeedSummary(None, None)
        return SeedSummary(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)

    return {name: {metric: summary(name, metric) for metric in metric_names(task.kind)} for name, task in tasks.items()}


def _differences(
    baseline: list[RunResults], arm: list[RunResults], tasks: Mapping[str, TaskConfig], replicates: int
) -> dict[str, dict[str, PairedDifference]]:
    """Differences of all tasks whose metrics are defined."""
    sides = [[run.predictions for run in runs] for runs in (baseline, arm)]
    measured = baseline[0].of_part
    return {
        name: {
            metric: user_bootstrap(*sides, task=name, metric=metric, replicates=replicates)
            for metric in metric_names(task.kind, compared=True)
            if measured[name].get(metric) is not None
        }
        for name, task in tasks.items()
    }


def _scenario_differences(
    baseline: list[RunResults], arm: list[RunResults], tasks: Mapping[str, TaskConfig], replicates: int
) -> dict[str, dict[str, PairedDifference]]:
    """Differences of each task's first metric within each scenario that was evaluated."""
    result: dict[str, dict[str, PairedDifference]] = {}
    for scenario, metrics in baseline[0].scenarios.items():
        sides = [[_rows_of(run, scenario) for run in runs] for runs in (baseline, arm)]
        first = {name: metric_names(task.kind)[0] for name, task in tasks.items()}
        result[scenario] = {
            name: user_bootstrap(*sides, task=name, metric=metric, replicates=replicates)
            for name, metric in first.items()
            if metrics[name][metric] is not None
        }
    return result


def _rows_of(run: RunResults, scenario: str) -> Any:
    return run.predictions[run.predictions["scenario"].astype(str) == scenario]


def _plain(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _plain(value) for name, value in values.items()}
    return dataclasses.asdict(values)
