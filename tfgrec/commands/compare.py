"""tfgrec-compare: trains arms and variants on the same records and says how sure their differences are."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tfgrec.commands.fitting_table import NOTHING, print_fitting
from tfgrec.commands.run_arguments import ARMS, add_run_arguments, read_config
from tfgrec.entry_point import entry_point
from tfgrec.stages.comparison import Comparison
from tfgrec.stages.contenders import choose_baseline, read_contenders

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Trains arms and variants on one graph and the same records, for each seed, and compares their metrics with the
    first arm's by paired bootstrap over users and seeds.

    Stages whose inputs have not changed are skipped; what was interrupted goes on.
    """
    parsed = _parser().parse_args(arguments)
    config = read_config(parsed)
    contenders = read_contenders(parsed.config, arms=parsed.arms, variants=parsed.variants, overrides=parsed.set)
    baseline = choose_baseline(parsed.baseline, contenders)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    comparison = Comparison(
        config,
        root=parsed.run_dir,
        data=parsed.data,
        contenders=contenders,
        seeds=parsed.seeds,
        announce=lambda line: console.print(line, markup=False),
    )
    result = comparison.run(baseline=baseline)
    _print_differences(console, result)
    _print_costs(console, result)
    for path in (comparison.summary, comparison.report):
        console.print(str(path), markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-compare", description=main.__doc__)
    add_run_arguments(parser)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), help="what to train (default: all)")
    parser.add_argument(
        "--variants",
        type=Path,
        metavar="YAML",
        help="what to train besides: {name: [key=value, ...]} or {name: {arm: ARM, set: [key=value, ...]}}; without an "
        "arm, a variant is one of the first of --arms",
    )
    parser.add_argument(
        "--baseline", metavar="NAME", help="the arm or variant that the others are compared with (default: the first)"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="SEED", help="training seeds, a run of each arm and variant for each"
    )
    return parser


def _print_differences(console: Console, comparison: "ArmComparison") -> None:
    """One row an arm or variant, task and metric."""
    over = "users" if comparison.num_seeds == 1 else f"users and {comparison.num_seeds} seeds"
    print_fitting(
        console,
        title=f"less {comparison.baseline}, 95% intervals over {over}",
        headings=("arm", "task", "metric", comparison.baseline, "arm's", "difference", "low", "high"),
        texts=3,
        rows=[
            (
                arm,
                task,
                metric,
                *(f"{number:.4f}" for number in (found.baseline, found.treatment)),
                *(f"{number:+.4f}" for number in (found.difference, found.low, found.high)),
            )
            for arm, by_task in comparison.differences.items()
            for task, by_metric in by_task.items()
            for metric, found in by_metric.items()
        ],
    )


def _print_costs(console: Console, comparison: "ArmComparison") -> None:
    """One row a run: what its training took, and the bytes of its records."""
    print_fitting(
        console,
        title="training",
        headings=("run", "steps", "seconds", "steps/s", "requests/s", "MB of records"),
        texts=1,
        rows=list(_cost_rows(comparison)),
    )


def _cost_rows(comparison: "ArmComparison") -> Iterator[tuple[str, ...]]:
    for arm, runs in comparison.runs.items():
        records = comparison.costs[arm].records_bytes
        for run in runs:
            cost = run.training
            yield (
                f"{arm}, seed {run.config.training.seed}",
                _number(cost.get("steps"), 0),
                _number(cost.get("seconds"), 0),
                _number(cost.get("steps_per_second"), 1),
                _number(cost.get("requests_per_second"), 0),
                _number(None if records is None else records / 1e6, 1),
            )


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
