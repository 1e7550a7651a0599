"""What building a graph reads: the tables that feed node sets, and those that feed edge sets, with their columns."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from beam_jobs.tables.read_table import time_columns
from beam_jobs.tables.several_values import columns_of_several
from beam_jobs.tables.table_files import TableFile, TableFiles, find_table, open_table
from tfgrec.config import TablesConfig
from tfgrec.config.tables import NodeSetSource
from tfgrec.graph.rows.edge_rows import EdgeRows, edge_columns, edges_by_table
from tfgrec.graph.rows.node_rows import node_set_columns, node_sets_by_table
from tfgrec.graph.schema import GraphSchema

_BYTES_PER_SHARD = 32 << 20
# Each shard of an edge set is two mapped files, and a process may map some 65,000.
_MOST = 512

_Uses = TypeVar("_Uses")


@dataclasses.dataclass(frozen=True)
class BuildPlan:
    """By table: the node sets and the edges that it feeds, and its files with the columns that each of these needs."""

    tables: TablesConfig
    node_sets: Mapping[str, Mapping[str, NodeSetSource]]
    edges: Mapping[str, list[EdgeRows]]
    node_files: Mapping[str, TableFiles]
    edge_files: Mapping[str, TableFiles]

    @classmethod
    def make(
        cls,
        tables: TablesConfig,
        schema: GraphSchema,
        data_dir: str,
        *,
        chosen: Mapping[str, Sequence[TableFile]] | None = None,
    ) -> "BuildPlan":
        """Finds the files of all tables in use, or takes the `chosen` ones, by table, of the tables that have any.

        Raises:
          InputDataError: a file is missing or damaged, or lacks a column.
        """
        node_sets, edges = _chosen(node_sets_by_table(tables), chosen), _chosen(edges_by_table(tables), chosen)
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
        several = columns_of_several(tables, schema)
        files = {}
        for name in {**of_nodes, **of_edges}:
            table, columns = tables.tables[name], [*of_nodes.get(name, ()), *of_edges.get(name, ())]
            if chosen is None:
                files[name] = find_table(name, table, data_dir, columns, several[name])
            else:
                files[name] = open_table(name, table, chosen[name], columns, several[name])
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


def _chosen(by_table: dict[str, _Uses], chosen: Mapping[str, Any] | None) -> dict[str, _Uses]:
    return {table: uses for table, uses in by_table.items() if chosen is None or table in chosen}


def shard_count(files: Mapping[str, TableFiles]) -> int:
    """The smallest power of two that leaves 32 MiB of table files, or less, to a shard; 512 at most.

    A store of one shard is the quickest to sample a single request from; with more of them a worker holds less. Powers
    of two, so that a store which grows day by day seldom has to be cut anew.
    """
    sizes = {file.path: file.bytes for of_table in files.values() for file in of_table.files}
    shards = 1
    while shards < _MOST and shards * _BYTES_PER_SHARD < sum(sizes.values()):
        shards *= 2
    return shards
