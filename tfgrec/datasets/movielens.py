"""Turns a folder of MovieLens files, whoever packed them, into the tables that schemas/movielens reads."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from tfgrec.datasets.credits import add_credits
from tfgrec.datasets.grouplens_files import read_csv_files, read_double_colon, read_ml_100k
from tfgrec.datasets.ids import complete_ids, number_ids
from tfgrec.datasets.movielens_tables import make_movies, make_ratings, make_users
from tfgrec.datasets.raw_ratings import RawRatings
from tfgrec.datasets.recbole_files import read_atomic_files
from tfgrec.errors import InputDataError
from tfgrec.files import write_atomically, write_json

MARKER = "conversion.json"

# The file that tells a format, and what reads it.
_READERS: dict[str, Callable[[Path], RawRatings]] = {
    "u.data": read_ml_100k,
    "ratings.dat": read_double_colon,
    "ratings.csv": read_csv_files,
    "*.inter": read_atomic_files,
}


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
      source_format: the file, or pattern, that the source was known by.
      rows: number of rows of each table, by file name.
      notes: what was added or left out, for the user to read.
    """

    source_format: str
    rows: dict[str, int]
    notes: list[str]


def convert_movielens(source: str | Path, output: str | Path) -> Conversion:
    """Writes ratings.parquet, users.parquet and movies.parquet, and a marker by which the folder is known as ours.

    Raises:
      InputDataError: the source has no files of a known format, or those of two; a line of it is wrong; or `output`
        has files that no conversion wrote.
    """
    source, output = Path(source), Path(output)
    _check_ours(output)
    known_by = _known_by(source)
    raw = _READERS[known_by](source)
    movies, notes = add_credits(raw.movies, source)
    raw, of_rows = complete_ids(dataclasses.replace(raw, movies=movies))
    raw, of_numbers = number_ids(raw)
    ratings, of_ratings = make_ratings(raw)
    notes = [*notes, *of_rows, *of_numbers, *of_ratings]
    tables = {"ratings.parquet": ratings, "users.parquet": make_users(raw), "movies.parquet": make_movies(raw)}
    rows = {name: len(table) for name, table in tables.items()}
    write_json(output / MARKER, {"finished": False})
    for name, table in tables.items():
        write_atomically(output / name, functools.partial(table.to_parquet, index=False))
    write_json(output / MARKER, {"finished": True, "format": known_by, "rows": rows, "notes": notes})
    return Conversion(known_by, rows, notes)


def _known_by(source: Path) -> str:
    if not source.is_dir():
        raise InputDataError(f"{source}: is no folder")
    found = [pattern for pattern in _READERS if any(source.glob(pattern))]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputDataError(f"{source}: has files of several formats ({', '.join(found)}): keep one of them there")
    here = ", ".join(sorted(path.name for path in source.iterdir())[:10]) or "nothing"
    raise InputDataError(f"{source}: has none of {', '.join(_READERS)}, by which a format is known; it has {here}")


def _check_ours(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise InputDataError(f"{output}: is a file, a folder is wanted")
    if output.is_dir() and any(output.iterdir()) and not (output / MARKER).exists():
        raise InputDataError(
            f"{output}: is not empty and was not written by tfgrec-convert (it has no {MARKER}); name another folder"
        )
