"""tfgrec-check: says in seconds what is wrong with tables and configuration, and builds nothing."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tfgrec.checks.configuration import ConfigurationCheck, check_configuration
from tfgrec.checks.table_findings import DataFindings, TableFinding
from tfgrec.commands.fitting_table import NOTHING, print_fitting
from tfgrec.commands.run_arguments import add_overrides
from tfgrec.entry_point import USER_ERROR, entry_point
from tfgrec.files import is_folder, read_json
from tfgrec.run.stage_log import run_module

MOST_ROWS = 200_000


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Compares configuration, schema files and tables, and reads a sample of each table as a build would read it.

    All that is wrong is told at once, with its file, key or column. The exit code is 2 if anything is, else 0.
    """
    parsed = _parser().parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    checked = check_configuration(parsed.config, parsed.set)
    problems, notes = list(checked.problems), list(checked.notes)
    if not is_folder(parsed.data):
        problems.append(f"--data {parsed.data}: is no folder")
    elif _is_readable(checked):
        # The jobs read tables, and only they import Beam.
        found = _look_at_tables(parsed)
        _show_tables(console, found.tables)
        problems += [line for line in found.problems if line not in problems]
        notes += found.notes
    else:
        notes.append("tables were not looked at, since the configuration can't be read")
    for title, lines in (("Worth knowing", notes), ("To mend", problems)):
        if lines:
            console.print(f"\n{title}")
        for line in lines:
            console.print(f"  {line}")
    if problems:
        return USER_ERROR
    console.print(f"\nNothing to mend. tfgrec-train --config {parsed.config} --data {parsed.data} --run-dir DIR")
    return 0


def _is_readable(checked: ConfigurationCheck) -> bool:
    return checked.config is not None and checked.tables is not None


def _look_at_tables(parsed: argparse.Namespace) -> DataFindings:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "findings.json"
        options = ["--config", str(parsed.config), "--data", parsed.data, "--rows", str(parsed.rows)]
        overrides = ["--set", *parsed.set] if parsed.set else []
        run_module("beam_jobs.check_data", *options, "--output", str(output), *overrides)
        return DataFindings.from_json(read_json(output))


def _show_tables(console: Console, tables: Sequence[TableFinding]) -> None:
    rows = [
        [
            table.name,
            f"{table.files:,}",
            f"{table.bytes / 1e6:,.2f}",
            NOTHING if table.rows is None else f"{table.rows:,}",
            NOTHING if table.rows is None else "all" if table.whole else "the first of each part",
            NOTHING if table.rows is None else f"{table.bad_rows:,}",
        ]
        for table in tables
    ]
    headings = ["table", "files", "MB", "rows read", "of them", "bad rows"]
    print_fitting(console, title="tables", headings=headings, texts=1, rows=rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-check", description=main.__doc__)
    parser.add_argument("--config", required=True, metavar="YAML", help="the run's configuration")
    parser.add_argument("--data", required=True, metavar="DIR", help="the folder of the tables; may be a URL")
    add_overrides(parser, example="training.epochs=2")
    rows = f"how many rows of a table are looked at, cell by cell (default: {MOST_ROWS:,})"
    parser.add_argument("--rows", type=_at_least_one, default=MOST_ROWS, help=rows)
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of rows from 1 on, received {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
