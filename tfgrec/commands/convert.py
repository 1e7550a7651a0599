"""tfgrec-convert: makes the tables that a schema of this repository reads of a published data set's files."""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from tfgrec.datasets import convert_movielens
from tfgrec.entry_point import entry_point
from tfgrec.local_path import local_path

_CONVERTERS = {"movielens": convert_movielens}


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Makes tables of a published data set's files: `movielens` for schemas/movielens."""
    options = _parser().parse_args(arguments)
    conversion = _CONVERTERS[options.dataset](options.source, options.output)
    console = Console(highlight=False)
    for name, count in conversion.rows.items():
        console.print(f"{count:>10,}  {options.output}/{name}", soft_wrap=True, markup=False)
    for note in conversion.notes:
        console.print(note, soft_wrap=True, markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-convert", description=main.__doc__)
    parser.add_argument("dataset", choices=sorted(_CONVERTERS))
    source = (
        "folder with u.data, ratings.dat, ratings.csv or an .inter file, and what belongs to it (docs/movielens.md)"
    )
    parser.add_argument("--source", required=True, type=local_path, metavar="DIR", help=source)
    folder = "folder to write; an earlier conversion's tables in it are replaced, a folder of other files is refused"
    parser.add_argument("--output", required=True, type=local_path, metavar="DIR", help=folder)
    return parser


if __name__ == "__main__":
    sys.exit(main())
