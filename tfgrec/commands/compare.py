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
from tfgrec.local_path import local_path
from tfgrec.run.working_folder import local_folder, told_by_url
from tfgrec.stages.comparison import Comparison
from tfgrec.stages.comparison_files import REPORT, SUMMARY
from tfgrec.stages.contenders import choose_baseline, read_contenders
from tfgrec.stages.finished_runs import compare_finished

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Trains arms and variants on one graph and the same records, for each seed, and compares their metrics with the
    first arm's by paired bootstrap over users and seeds.

    Stages whose inputs have not changed are skipped; what was interrupted goes on. With --finished, runs that are there
    are compared, and none is trained.
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    _check_together(parser, parsed)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if parsed.finished is not None:
        named = {name: [local_folder(folder) for folder in folders] for name, *folders in parsed.finished}
        part = parsed.part or "validation"
        _print(
            console, compare_finished(named, root=parsed.run_dir, baseline=parsed.baseline, part=part), parsed.run_dir
        )
        return 0
    config = read_config(parsed)
    contenders = read_contenders(
        parsed.config, arms=parsed.arms or ARMS, variants=parsed.variants, overrides=parsed.set
    )
    baseline = choose_baseline(parsed.baseline, contenders)
    comparison = Comparison(
        config,
        root=parsed.run_dir,
        data=parsed.data,
        contenders=contenders,
        seeds=parsed.seeds,
        announce=lambda line: console.print(told_by_url(line), markup=False),
        verify=parsed.verify,
    )
    _print(console, comparison.run(baseline=baseline), parsed.run_dir)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-compare", description=main.__doc__)
    add_run_arguments(parser, needs_config=False, needs_data=False)
    parser.add_argument("--arms", nargs="+", choices=ARMS, help="what to train (default: all)")
    parser.add_argument(
        "--variants",
        type=local_path,
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
    parser.add_argument(
        "--finished",
        nargs="+",
        action="append",
        metavar=("NAME", "RUN"),
        help="runs to compare in place of training any, one a training seed; once for each name",
    )
    parser.add_argument(
        "--part", choices=("validation", "test"), help="what --finished runs are compared on (default: validation)"
    )
    return parser


def _check_together(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    """Ends with a usage error where arguments are missing or don't go together."""
    if parsed.finished is None:
        missing = [f"--{name}" for name in ("config", "data") if getattr(parsed, name) is None]
        if missing:
            parser.error(f"the following arguments are required: {', '.join(missing)} (or --finished)")
        if parsed.part is not None:
            parser.error("--part: goes with --finished")
        return
    unfit = [
        f"--{name}"
        for name in ("config", "data", "arms", "variants", "seeds", "set", "verify")
        if getattr(parsed, name)
    ]
    if unfit:
        parser.error(f"{', '.join(unfit)}: are of runs to train, and --finished trains none")
    if any(len(named) < 2 for named in parsed.finished):
        parser.error("argument --finished: expected a name and the folders of its runs")
    names = [name for name, *_ in parsed.finished]
    if len(set(names)) < len(names):
        parser.error("argument --finished: each name once, with all of its runs")


def _print(console: Console, comparison: "ArmComparison", root: Path) -> None:
    _print_differences(console, comparison)
    _print_costs(console, comparison)
    for name in (SUMMARY, REPORT):
        console.print(told_by_url(str(root / name)), markup=False)


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
