"""The files of all tables that a run reads, with all columns that it wants of them."""

from collections.abc import Mapping

from beam_jobs.records.request_rows import request_columns, sources_by_table
from beam_jobs.tables.read_table import time_columns
from beam_jobs.tables.table_files import TableFiles, find_table, open_table
from tfgrec.checks.configuration import collected
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.rows.edge_rows import edge_columns, edges_by_table
from tfgrec.graph.rows.node_rows import node_set_columns, node_sets_by_table


def wanted_columns(config: RunConfig, tables: TablesConfig) -> dict[str, list[str]]:
    """By table in use, the columns that nodes, edges, requests and times are read from, each once."""
    wanted: dict[str, list[str]] = {}
    for name, sources in node_sets_by_table(tables).items():
        wanted.setdefault(name, []).extend(column for of in sources.values() for column in node_set_columns(of))
    for name, edges in edges_by_table(tables).items():
        wanted.setdefault(name, []).extend(column for rows in edges for column in edge_columns(rows.source))
    for name, requests in sources_by_table(tables).items():
        wanted.setdefault(name, []).extend(
            column for source in requests.values() for column in request_columns(source, config, tables)
        )
    return {
        name: list(dict.fromkeys([*columns, *time_columns(tables.tables[name].time)]))
        for name, columns in wanted.items()
        if name in tables.tables
    }


def find_tables(
    config: RunConfig,
    tables: TablesConfig,
    data_dir: str,
    several: Mapping[str, frozenset[str]],
    problems: list[str],
) -> tuple[dict[str, TableFiles], dict[str, TableFiles]]:
    """All tables whose files are there, and of these the ones that have all their columns.

    `several` has the columns of several values by table; `problems` is added to: files and columns that are not there.
    """
    found: dict[str, TableFiles] = {}
    whole: dict[str, TableFiles] = {}
    for name, columns in wanted_columns(config, tables).items():
        table = tables.tables[name]
        with collected(problems):
            found[name] = find_table(name, table, data_dir, [])
        if name not in found:
            continue
        missing: list[str] = []
        with collected(missing):
            whole[name] = open_table(name, table, found[name].files, columns, several.get(name, ()))
        if missing:
            # One by one: the first that is not there hides the others.
            for column in columns:
                with collected(problems):
                    open_table(name, table, found[name].files, [column], ())
    return found, whole
