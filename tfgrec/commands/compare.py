"""tfgrec-compare: trains several arms on the same records and says how sure their differences are."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tfgrec.commands.entry_point import entry_point
from tfgrec.commands.run_arguments import ARMS, add_run_arguments, read_config
from tfgrec.comparison import Comparison
from tfgrec.errors import ConfigurationError

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison

# What joint training is usually asked to beat, first.
BASELINES = ("two_stage", "no_graph", "joint")


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Trains arms on one graph and the same records, and compares their metrics by paired bootstrap over users.

    Stages whose inputs have not changed are skipped; what was interrupted goes on.
    """
    parsed = _parser().parse_args(arguments)
    config = read_config(parsed)
    baseline = parsed.baseline or next(arm for arm in BASELINES if arm in parsed.arms)
    if baseline not in parsed.arms:
        raise ConfigurationError(f"--baseline {baseline}: is not among --arms {' '.join(parsed.arms)}")
    if config.training.distribution == "multi_worker":
        raise ConfigurationError("training.distribution: multi_worker is for tfgrec-train, one arm at a time")
    seeds = parsed.seeds or [config.training.seed]
    console = Console(soft_wrap=True, highlight=False)
    comparison = Comparison(
        config, root=parsed.run_dir, data=parsed.data, arms=parsed.arms, seeds=seeds, announce=console.print
    )
    result = comparison.run(baseline=baseline)
    console.print(_difference_table(result))
    console.print(_cost_table(result))
    console.print(str(comparison.summary))
    console.print(str(comparison.report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-compare", description=main.__doc__)
    add_run_arguments(parser)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), help="what to train (default: all)")
    parser.add_argument("--baseline", choices=ARMS, help="what the others are compared with (default: two_stage)")
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="SEED", help="training seeds, a run of each arm for each"
    )
    return parser


def _difference_table(comparison: "ArmComparison") -> Table:
    """One row an arm, task and metric."""
    table = Table(title=f"less {comparison.baseline}, 95% intervals over users", title_justify="left")
    for name in ("arm", "task", "metric"):
        table.add_column(name)
    for name in (comparison.baseline, "arm's", "difference", "low", "high"):
        table.add_column(name, justify="right")
    for arm, by_task in comparison.differences.items():
        for task, by_metric in by_task.items():
            for metric, found in by_metric.items():
                numbers = (found.difference, found.low, found.high)
                table.add_row(
                    arm,
                    task,
                    metric,
                    f"{found.baseline:.4f}",
                    f"{found.treatment:.4f}",
                    *(f"{n:+.4f}" for n in numbers),
                )
    return table


def _cost_table(comparison: "ArmComparison") -> Table:
    """One row a run: what its training took."""
    table = Table(title="training", title_justify="left")
    table.add_column("run")
    for name in ("steps", "seconds", "steps/s", "requests/s"):
        table.add_column(name, justify="right")
    for arm, runs in comparison.runs.items():
        for run in runs:
            cost = run.training
            speeds = [cost["steps_per_second"], cost["requests_per_second"]]
            table.add_row(
                f"{arm}, seed {run.config.training.seed}",
                str(cost["steps"]),
                f"{cost['seconds']:.0f}",
                *("-" if speed is None else f"{speed:.1f}" for speed in speeds),
            )
    return table


if __name__ == "__main__":
    sys.exit(main())
