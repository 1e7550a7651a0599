"""tfgrec-evaluate: measures a run's trained model again, on a part of its own requests or on other data."""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from tfgrec.commands.metrics_table import print_metrics
from tfgrec.entry_point import entry_point
from tfgrec.files import as_path, read_json
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import local_folder, told_by_url
from tfgrec.stages.run_evaluation import evaluate_into


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Scores the validation or the test split of a run, as it was sampled, or with --data rows of other tables, for
    example of later days.
    """
    parsed = _parser().parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False, markup=False)

    def announce(line: str) -> None:
        console.print(told_by_url(line))

    asked = {"part": parsed.part, "data": parsed.data, "days": parsed.days, "verify": parsed.verify}
    evaluated = evaluate_into(parsed.run_dir, output=parsed.output, **asked, announce=announce)
    tasks = RunDirectory.open(parsed.run_dir).read_config().model.tasks
    part = parsed.part or "validation"
    title = part if parsed.data is None else f"{parsed.data} {' to '.join(parsed.days or [])}"
    print_metrics(console, read_json(evaluated.metrics)[part], tasks, title=title)
    announce(str(evaluated.metrics))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-evaluate", description=main.__doc__)
    parser.add_argument(
        "--run-dir", required=True, type=local_folder, metavar="DIR", help="the run, as given to tfgrec-train"
    )
    parser.add_argument(
        "--part", choices=("validation", "test"), help="which of the run's own requests (default: validation)"
    )
    parser.add_argument("--data", type=as_path, metavar="DIR", help="other tables; a graph is built from all of them")
    parser.add_argument(
        "--days", nargs=2, metavar=("FIRST", "LAST"), help="rows to score: range of split.column, both ends included"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read all bytes of the graph and the records that are there first, whether they are used or not",
    )
    parser.add_argument(
        "--output", type=local_folder, metavar="DIR", help="where to write (default: evaluations/ in the run)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
