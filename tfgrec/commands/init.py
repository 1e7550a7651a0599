"""tfgrec-init: drafts schema files and a run's YAML from tables; what it guessed is marked, and flags overrule it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError
from tfgrec.local_path import local_path


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Looks at CSV and Parquet tables and drafts graph.pbtxt, tables.yaml, run.yaml and JSON schemas for editors.

    What it guessed is marked `# guessed: why` there; what it can't tell, it asks for. It overwrites nothing.
    """
    # Bring pandas, which `--help` need not wait for.
    from tfgrec.draft.draft_files import RUN_FILE, make_draft, refuse_existing, write_files
    from tfgrec.draft.example_draft import example_draft
    from tfgrec.draft.json_schemas import json_schemas
    from tfgrec.draft.roles import Flags

    parsed = _parser().parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if parsed.json_schema is not None:
        write_files(parsed.json_schema, schemas := json_schemas())
        for name in schemas:
            console.print(str(parsed.json_schema / name))
        return 0
    if parsed.example is not None:
        if parsed.folder is None:
            raise ConfigurationError("--example: give the folder to write: tfgrec-init DIR --example NAME")
        refuse_existing(parsed.folder, files := example_draft(parsed.example, RUN_FILE))
        write_files(parsed.folder, files)
        for name in files:
            console.print(str(parsed.folder / name))
        return 0
    if parsed.folder is None or parsed.data is None:
        raise ConfigurationError("give the folder to write, and --data: tfgrec-init DIR --data TABLES")
    refuse_existing(parsed.folder, ["graph.pbtxt", "tables.yaml", RUN_FILE])
    flags = Flags(parsed.users, parsed.items, parsed.log, parsed.time, tuple(parsed.labels), parsed.scenario)
    draft = make_draft(parsed.name or parsed.folder.resolve().name, parsed.data, flags, parsed.ignore)
    write_files(parsed.folder, draft.files)
    roles = draft.roles
    console.print(f"log: {roles.log.path}, times in {roles.time.column.column}")
    console.print(f"users: {roles.users.table.name}.{roles.users.id}, items: {roles.items.table.name}.{roles.items.id}")
    console.print(f"labels: {', '.join([*roles.labels, *([roles.rating] if roles.rating else [])])}")
    for name, why in draft.left.items():
        console.print(f"left out: {name}: {why}")
    for name in draft.files:
        console.print(str(parsed.folder / name))
    common = f"--config {parsed.folder / RUN_FILE} --data {parsed.data}"
    run_dir = _run_dir(parsed.folder, parsed.name or parsed.folder.resolve().name)
    console.print(f"\nRead what is marked as guessed in tables.yaml and {RUN_FILE}, then:")
    console.print(f"  tfgrec-check {common}")
    console.print(f"  tfgrec-train {common} --run-dir {run_dir}")
    return 0


def _run_dir(draft: Path, name: str) -> Path:
    """A run directory that isn't, and doesn't hold, the draft's own folder: training would refuse it."""
    run_dir = Path("runs") / name
    return Path("runs") / f"{name}_run" if draft.resolve().is_relative_to(run_dir.resolve()) else run_dir


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-init", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=local_path, metavar="DIR", help="where the drafts go")
    parser.add_argument("--data", type=local_path, metavar="TABLES", help="the folder of the tables")
    parser.add_argument("--name", help="of the run; the folder's by default")
    parser.add_argument("--users", metavar="TABLE.COLUMN", help="the ids of users")
    parser.add_argument("--items", metavar="TABLE.COLUMN", help="the ids of items, which are recommended")
    parser.add_argument("--log", metavar="TABLE", help="what users were shown, one row an impression")
    parser.add_argument("--time", metavar="COLUMN", help="the log's times")
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="COLUMN", help="the log's columns of 0 and 1 to learn"
    )
    parser.add_argument("--scenario", metavar="COLUMN", help="where in the app a row was shown; none for none")
    parser.add_argument("--ignore", nargs="+", default=[], metavar="TABLE", help="tables not to look at")
    parser.add_argument(
        "--example", metavar="NAME", help="copy the files of an example into DIR instead: demo, kuairand, movielens"
    )
    parser.add_argument("--json-schema", type=local_path, metavar="DIR", help="write the JSON schemas alone into DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
