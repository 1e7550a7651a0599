"""tfgrec-evaluate: measures a run's trained model again, on its validation split or on other data."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tfgrec.commands.metrics_table import print_metrics
from tfgrec.entry_point import entry_point
from tfgrec.files import read_json
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.run_evaluation import evaluate_into


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Scores a run's validation split, or with --data rows of other tables, for example of later days."""
    parsed = _parser().parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    data, days = parsed.data, parsed.days
    evaluated = evaluate_into(parsed.run_dir, output=parsed.output, data=data, days=days, announce=console.print)
    tasks = RunDirectory.open(parsed.run_dir).read_config().model.tasks
    title = "validation" if data is None else f"{data} {' to '.join(days or [])}"
    print_metrics(console, read_json(evaluated.metrics), tasks, title=title)
    console.print(str(evaluated.metrics))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-evaluate", description=main.__doc__)
    parser.add_argument("--run-dir", required=True, type=Path, metavar="DIR", help="the run, as given to tfgrec-train")
    parser.add_argument("--data", type=Path, metavar="DIR", help="other tables; a graph is built from all of them")
    parser.add_argument(
        "--days", nargs=2, metavar=("FIRST", "LAST"), help="rows to score: range of split.column, both ends included"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: evaluations/ in the run)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
