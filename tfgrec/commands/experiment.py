"""tfgrec-experiment: an online test of models and policies, in a world that answers."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from tfgrec.commands.fitting_table import print_fitting
from tfgrec.commands.run_arguments import add_overrides
from tfgrec.config.experiment import load_experiment_config
from tfgrec.entry_point import entry_point
from tfgrec.experiment.arms import ARMS, check_arms
from tfgrec.local_path import local_path


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Splits users over arms, serves them day by day, trains the arms at night, and says how the arms differ.

    Days and nights that are done are not done again: what was killed goes on, to the same result.
    """
    parsed = _parser().parse_args(arguments)
    baseline = check_arms(parsed.arms, parsed.baseline)
    config = load_experiment_config(parsed.config, parsed.set)

    from tfgrec.experiment.online_experiment import OnlineExperiment
    from tfgrec.experiment.report import write_experiment_report
    from tfgrec.experiment.results import results
    from tfgrec.experiment.trials import trials
    from tfgrec.files import write_json

    console = Console(soft_wrap=True, highlight=False, markup=False)
    experiment = OnlineExperiment(config, parsed.arms, parsed.run_dir, announce=console.print)
    experiment.run()
    found = results(experiment, baseline=baseline)
    if parsed.trials:
        found["trials"] = trials(config, parsed.trials)
    write_json(experiment.directory.summary, found)
    write_experiment_report(found, experiment.directory.report)
    _print_differences(console, found)
    for path in (experiment.directory.summary, experiment.directory.report):
        console.print(str(path))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-experiment", description=main.__doc__)
    parser.add_argument("--config", required=True, metavar="YAML", help="the experiment, see configs/")
    parser.add_argument("--arms", nargs="+", required=True, metavar="ARM", help=f"of {', '.join(ARMS)}")
    parser.add_argument(
        "--baseline", metavar="ARM", help="the arm that the others are compared with (default: the first)"
    )
    parser.add_argument("--run-dir", required=True, type=local_path, metavar="DIR", help="where everything of it goes")
    parser.add_argument(
        "--trials",
        type=int,
        default=0,
        metavar="N",
        help="besides, N small experiments with a known effect each, and none: how often the intervals are right",
    )
    add_overrides(parser, example="days=3")
    return parser


def _print_differences(console: Console, found: Mapping[str, Any]) -> None:
    from tfgrec.experiment.experiment_metrics import HEADLINE
    from tfgrec.experiment.report import interval, number, percent

    print_fitting(
        console,
        title=f"percent of {found['baseline']}'s, {100 * found['confidence']:g}% intervals over users",
        headings=("arm", "metric", found["baseline"], "arm's", "difference", "plain", "CUPED", "always valid"),
        texts=2,
        rows=[
            (
                arm,
                name,
                number(one["baseline"]),
                number(one["treatment"]),
                percent(one["relative"]),
                interval(one),
                interval(one["cuped"]),
                interval(one["sequential"]),
            )
            for arm, of_arm in found["differences"].items()
            for name, one in ((name, of_arm[name]) for name in HEADLINE)
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
