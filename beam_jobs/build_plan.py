"""What building a graph reads: the tables that feed node sets, and those that feed edge sets, with their columns."""

import dataclasses
from collections.abc import Iterable, Mapping

from beam_jobs.edge_sets import EdgeRows, edge_columns, edges_by_table
from beam_jobs.node_sets import node_set_columns, node_sets_by_table
from beam_jobs.table_files import TableFiles, find_table
from beam_jobs.tables import time_columns
from tfgrec.config import TablesConfig
from tfgrec.config.tables import NodeSetSource


@dataclasses.dataclass(frozen=True)
class BuildPlan:
    """By table: the node sets and the edges that it feeds, and its files with the columns that each of these needs."""

    tables: TablesConfig
    node_sets: Mapping[str, Mapping[str, NodeSetSource]]
    edges: Mapping[str, list[EdgeRows]]
    node_files: Mapping[str, TableFiles]
    edge_files: Mapping[str, TableFiles]

    @classmethod
    def make(cls, tables: TablesConfig, data_dir: str) -> "BuildPlan":
        """Finds the files of all tables in use.

        Raises:
          InputDataError: a file is missing or damaged, or lacks a column.
        """
        node_sets, edges = node_sets_by_table(tables), edges_by_table(tables)
        of_nodes = {
            table: [column for source in sources.values() for column in node_set_columns(source)]
            for table, sources in node_sets.items()
        }
        of_edges = {
            table: [
                *(column for edge_rows in of_table for column in edge_columns(edge_rows.source)),
                *time_columns(tables.tables[table].time),
            ]
            for table, of_table in edges.items()
        }
        files = {
            name: find_table(name, tables.tables[name], data_dir, [*of_nodes.get(name, ()), *of_edges.get(name, ())])
            for name in {**of_nodes, **of_edges}
        }
        return cls(tables, node_sets, edges, _with_columns(files, of_nodes), _with_columns(files, of_edges))

    @property
    def files(self) -> dict[str, TableFiles]:
        """The files of all tables."""
        return {**self.node_files, **self.edge_files}

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """The paths of each table's files."""
        return {table: files.paths for table, files in self.files.items()}


def _with_columns(files: Mapping[str, TableFiles], columns: Mapping[str, Iterable[str]]) -> dict[str, TableFiles]:
    return {table: files[table].only(of_table) for table, of_table in columns.items()}
