"""tfgrec-evaluate: measures a run's trained model again, on its validation split or on other data."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tfgrec.commands.entry_point import entry_point
from tfgrec.commands.metrics_table import print_metrics
from tfgrec.errors import ConfigurationError
from tfgrec.run_claim import claimed
from tfgrec.run_directory import RunDirectory
from tfgrec.run_evaluation import evaluate_on, evaluate_run


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Scores a run's validation split, or with --data rows of other tables, for example of later days."""
    parsed = _parser().parse_args(arguments)
    if parsed.days is not None and parsed.data is None:
        raise ConfigurationError("--days: goes with --data, the run's own split is set by its configuration")
    run = RunDirectory.open(parsed.run_dir)
    output = parsed.output or run.root / "evaluations" / _name(parsed.data, parsed.days)
    if output.resolve() == run.root.resolve():
        raise ConfigurationError(f"--output {output}: is the run itself, name another folder")
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with claimed(output, "evaluation"):
        if parsed.data is None:
            metrics = evaluate_run(run, output)
        else:
            metrics = evaluate_on(run, parsed.data, output, days=parsed.days, announce=console.print)
    title = "validation" if parsed.data is None else f"{parsed.data} {' to '.join(parsed.days or [])}"
    print_metrics(console, metrics, run.read_config().model.tasks, title=title)
    console.print(str(output / "metrics.json"))
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


def _name(data: Path | None, days: Sequence[str] | None) -> str:
    return "validation" if data is None else "-".join([data.resolve().name, *(days or [])])


if __name__ == "__main__":
    sys.exit(main())
