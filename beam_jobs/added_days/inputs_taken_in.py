"""The files that a graph store was built from, as its manifest lists them, and what a data folder has beyond them."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beam_jobs.added_days.row_keyed_edges import row_keyed_edge_sets
from beam_jobs.running.facts import Fact, of_kind
from beam_jobs.tables.table_files import TableFile, TableFiles, list_files
from tfgrec.config import TablesConfig
from tfgrec.config.tables import Table
from tfgrec.errors import InputDataError, SchemaError
from tfgrec.files import checksum
from tfgrec.graph.rows.edge_rows import edges_by_table
from tfgrec.graph.rows.node_rows import node_sets_by_table
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

# Keys of the manifest's "extra".
INPUTS, SOURCES = "inputs", "sources"

# By table, files as `{"path": below the data folder, "bytes": n, "rows": n}`, sorted by path. Files of tables without
# a time, which may change, have a "sha256" too: logs are too long to be read once more to see that they have not.
Inputs = dict[str, list[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class NewFiles:
    """What there is to read beyond a store's inputs.

    Attributes:
      files: by table, the files that are new or have changed; tables without any are left out.
      changed: by table, the paths below the data folder of those that have changed.
    """

    files: Mapping[str, tuple[TableFile, ...]]
    changed: Mapping[str, frozenset[str]]


def describe_inputs(facts: Sequence[Fact], files: Mapping[str, TableFiles], tables: TablesConfig) -> Inputs:
    """The `files` that were read, with their rows as the facts count them."""
    rows: Counter = Counter()
    for fact in of_kind(facts, "rows"):
        rows[fact["table"], fact["file"]] += fact["count"]
    return {
        name: [
            {"path": file.relative_path, **_identity(file, tables.tables[name]), "rows": rows[name, number]}
            for number, file in enumerate(of_table.files)
        ]
        for name, of_table in files.items()
    }


def describe_sources(tables: TablesConfig) -> dict[str, Any]:
    """All of tables.yaml that a graph store depends on."""
    return tables.model_dump(mode="json", include={"tables", "node_sets", "edge_sets"})


def find_new_files(store: GraphStore, path: str, tables: TablesConfig, schema: GraphSchema, data_dir: str) -> NewFiles:
    """Compares the files of all tables with those that the store at `path` has taken in.

    Files that the store knows and that are gone are no matter: what they held stays.

    Raises:
      SchemaError: the store was built with another graph.pbtxt or tables.yaml.
      InputDataError: there is no file at all, or one that can't be added: the store has to be built anew.
    """
    _check_sources(store, path, tables, schema)
    inputs, used = store.manifest["extra"][INPUTS], [*node_sets_by_table(tables), *edges_by_table(tables)]
    found = {name: list_files(tables.tables[name], data_dir) for name in dict.fromkeys(used)}
    if not any(found.values()):
        raise InputDataError(f"--data {data_dir}: has no file of any table")
    keyed, files, changed = row_keyed_edge_sets(tables, schema), {}, {}
    for name, of_table in found.items():
        known = {file["path"]: file for file in inputs[name]}
        new = [file for file in of_table if not _is_known(file, tables.tables[name], known)]
        if new:
            files[name] = tuple(new)
            changed[name] = frozenset(file.relative_path for file in new if file.relative_path in known)
            _check_addable(name, new, known, tables, keyed, path)
    return NewFiles(files, changed)


def _check_sources(store: GraphStore, path: str, tables: TablesConfig, schema: GraphSchema) -> None:
    if not store.schema.stores_the_same(schema):
        raise SchemaError(f"{path}: was built with another graph.pbtxt: {_ANEW}")
    before, now = store.manifest["extra"].get(SOURCES), describe_sources(tables)
    if before is None or INPUTS not in store.manifest["extra"]:
        raise SchemaError(f"{path}: does not say which files it was built from: {_ANEW}")
    for part, described in now.items():
        differing = [key for key in {**described, **before[part]} if described.get(key) != before[part].get(key)]
        if differing:
            raise SchemaError(f"{path}: was built with another {part}.{differing[0]} in tables.yaml: {_ANEW}")


_ANEW = "build the graph anew, without --add-to"


def _check_addable(
    name: str,
    files: Iterable[TableFile],
    known: Mapping[str, Mapping[str, Any]],
    tables: TablesConfig,
    keyed: Iterable[str],
    store: str,
) -> None:
    """Refuses files whose rows can't be told from those that are in the store already."""
    time = tables.tables[name].time
    growing = [rows.edge_set for rows in edges_by_table(tables).get(name, ()) if rows.edge_set not in keyed]
    for file in files:
        where, before = f"table '{name}': {file.path}", known.get(file.relative_path)
        if time is not None and time.counted_back is not None:
            raise InputDataError(f"{where}: is new or has changed, and counted_back dates need the whole log: {_ANEW}")
        if growing and before is not None:
            raise InputDataError(
                f"{where}: has changed since {store} took it in (then {before['bytes']} bytes, now {file.bytes}), but "
                f"edges of '{growing[0]}' are only ever added: {_ANEW}"
            )


def _identity(file: TableFile, table: Table) -> dict[str, Any]:
    """By what a file is told from one that has taken its place."""
    identity: dict[str, Any] = {"bytes": file.bytes}
    if table.time is None:
        identity["sha256"] = checksum(file.path)
    return identity


def _is_known(file: TableFile, table: Table, known: Mapping[str, Mapping[str, Any]]) -> bool:
    before = known.get(file.relative_path)
    if before is None or before["bytes"] != file.bytes:
        return False
    return all(before[key] == value for key, value in _identity(file, table).items())
