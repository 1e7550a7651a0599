"""RecBole's atomic files: `<name>.inter`, `.item`, `.user`; directors and actors come from `.kg` with `.link`.

A header's cell is `<column>:<type>`; a `token_seq` has several values with spaces between, a `token` is one value.
"""

from pathlib import Path

import pandas as pd

from tfgrec.datasets.delimited_text import TextTable, read_delimited
from tfgrec.datasets.raw_ratings import SEPARATOR, RawRatings, movie_table, read_ratings, user_table
from tfgrec.errors import InputDataError

# Freebase's relations, from a film to a person.
_RELATIONS = {"directors": "film.film.directed_by", "actors": "film.film.actor"}


def read_atomic_files(folder: Path) -> RawRatings:
    """The tables of a folder with one `.inter` file; the other files may be missing.

    Raises:
      InputDataError: there are several `.inter` files, a column is missing, or a line is wrong; names the file.
    """
    interactions = sorted(folder.glob("*.inter"))
    if len(interactions) > 1:
        raise InputDataError(
            f"{folder}: has several .inter files, one is wanted: {', '.join(p.name for p in interactions)}"
        )
    path = interactions[0]
    table, _ = _read(path)
    ratings = read_ratings(table, user="user_id", movie="item_id", rating="rating", time="timestamp")
    return RawRatings(ratings, _users(path.with_suffix(".user")), _movies(path.with_suffix(".item")))


def _users(path: Path) -> pd.DataFrame:
    if not path.exists():
        return user_table(pd.Series(dtype=str))
    table, _ = _read(path)
    columns = {name: table.texts(name) for name in ("age", "gender", "occupation")}
    return user_table(table.distinct("user_id"), **columns, zip_code=table.texts("zip_code", "zip"))


def _movies(path: Path) -> pd.DataFrame:
    if not path.exists():
        return movie_table(pd.Series(dtype=str))
    table, types = _read(path)
    ids = table.distinct("item_id")
    movies = movie_table(
        ids,
        title=table.texts("movie_title", "title", "name"),
        year=table.texts("release_year", "year"),
        genres=_several(table, types, "genres", "genre", "class"),
        directors=_several(table, types, "directors", "director"),
        actors=_several(table, types, "actors", "actor"),
    )
    if path.with_suffix(".kg").exists() and path.with_suffix(".link").exists():
        people = _people(path)
        for name, found in people.items():
            movies[name] = movies[name].where(movies[name] != "", ids.map(found).fillna(""))
    return movies


def _people(path: Path) -> dict[str, dict[str, str]]:
    """Directors and actors by movie id, in the order of the `.kg` file."""
    links, _ = _read(path.with_suffix(".link"))
    movies = pd.Series(links.distinct("item_id").to_numpy(), index=links.names("entity_id").to_numpy())
    facts, _ = _read(path.with_suffix(".kg"))
    heads, relations, tails = (facts.names(name) for name in ("head_id", "relation_id", "tail_id"))
    people = {}
    for name, relation in _RELATIONS.items():
        chosen = pd.DataFrame({"entity": heads, "person": tails})[relations == relation].drop_duplicates()
        # One entity may be the film of several items.
        named = movies.rename("movie").rename_axis("entity").reset_index().merge(chosen, on="entity", how="inner")
        people[name] = named.groupby("movie", sort=False)["person"].agg(SEPARATOR.join).to_dict()
    return people


def _several(table: TextTable, types: dict[str, str], *names: str) -> pd.Series:
    values = table.texts(*names)
    name = next((name for name in names if name in table), None)
    if name is not None and types[name] == "token_seq":
        return values.str.split().str.join(SEPARATOR)
    return values


def _read(path: Path) -> tuple[TextTable, dict[str, str]]:
    """A file, its columns named without their types, and the types."""
    table = read_delimited(path, "\t")
    wrong = [name for name in table.cells if name.count(":") != 1]
    if wrong:
        raise InputDataError(f"{path}, line 1: '{wrong[0]}' is wanted as <column>:<type>, such as user_id:token")
    types = dict(name.split(":") for name in table.cells)
    return TextTable(path, table.cells.set_axis(list(types), axis=1), table.first_line), types
