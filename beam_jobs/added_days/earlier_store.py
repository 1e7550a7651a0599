"""The store that a new day is added to: what there is to read beyond it, and what of it the new store takes over."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from beam_jobs.added_days.added_edges import AddedEdges
from beam_jobs.added_days.added_nodes import AddedNodes
from beam_jobs.added_days.earlier_letters import EarlierLetters
from beam_jobs.added_days.inputs_taken_in import INPUTS, NewFiles, find_new_files
from beam_jobs.added_days.logged_events import write_logged_events
from beam_jobs.added_days.row_keyed_edges import row_keyed_edge_sets
from beam_jobs.tables.build_plan import BuildPlan, shard_count
from beam_jobs.tables.dead_letters import FOLDER
from tfgrec import files
from tfgrec.config import TablesConfig
from tfgrec.graph.log.event_log import LOG, POSITION, EventLog
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

TABLES = "tables"


@dataclasses.dataclass(frozen=True)
class EarlierStore:
    """A whole graph store at `path`, and the files that it has not taken in as they are now."""

    path: str
    manifest: dict[str, Any]
    new_files: NewFiles
    tables: TablesConfig
    schema: GraphSchema
    log_position: int = 0

    @classmethod
    def open(cls, path: str, tables: TablesConfig, schema: GraphSchema, data_dir: str) -> "EarlierStore":
        """Opens the store, all of whose bytes are checked, and looks for new files.

        Raises:
          GraphStoreError: there is no whole store.
          SchemaError: it was built with another graph.pbtxt or tables.yaml.
          InputDataError: a file can't be added.
        """
        store = GraphStore.open(path)
        new_files = find_new_files(store, path, tables, schema, data_dir)
        store.verify()
        position = store.manifest["extra"].get(LOG, {}).get(POSITION, 0)
        return cls(store.path, store.manifest, new_files, tables, schema, position)

    def with_events(self, log: EventLog, folder: str) -> "EarlierStore":
        """The same store, with the events of its log as further new files, which are written to `folder`.

        Raises:
          GraphStoreError: the log is damaged, or was cut beyond what the store knows.
        """
        events = write_logged_events(log, self.log_position, folder, self.tables)
        new_files = dataclasses.replace(self.new_files, files=events.with_files(self.new_files.files))
        return dataclasses.replace(self, new_files=new_files, log_position=events.position)

    @property
    def shards(self) -> int:
        """How many shards it has: so many has the new store."""
        return self.manifest["shards"]

    def shards_of_all(self, data_dir: str) -> int:
        """How many shards a store has by default that is built from all files as they are now."""
        return shard_count(BuildPlan.make(self.tables, self.schema, data_dir).files)

    def nodes(self, folder: str, work: str) -> AddedNodes:
        """Its nodes, to be merged with new rows into the store in `folder`."""
        return AddedNodes(self.path, folder, work, self.schema, self.shards)

    def edges(self, nodes: AddedNodes) -> AddedEdges:
        """Its edges, to be merged with new ones once the nodes are."""
        return AddedEdges(self.path, nodes, row_keyed_edge_sets(self.tables, self.schema), self.schema)

    def add_letters(self, folder: str, extra: dict[str, Any]) -> dict[str, Any]:
        """Adds its dead letters to those of the store in `folder`; returns the manifest's `extra` for all files."""
        earlier = self.manifest["extra"]
        letters = EarlierLetters(files.join(self.path, FOLDER), earlier[INPUTS], self.new_files.changed)
        letters.merge_into(files.join(folder, FOLDER))
        tables, inputs = letters.merge_counts(earlier[TABLES], extra[TABLES]), letters.merge_inputs(extra[INPUTS])
        known = {LOG: {POSITION: self.log_position}} if self.log_position else {}
        return {**extra, TABLES: tables, INPUTS: inputs, **known}

    def copy_to(self, folder: str) -> None:
        """Copies the store as it is."""
        for path in files.files_below(self.path):
            files.copy(path, f"{folder}{path[len(self.path) :]}")


def told_additions(manifest: dict[str, Any], earlier: dict[str, Any], names: Sequence[str]) -> str:
    """What a store has beyond an earlier one, for the user: `names` are the earlier store's and the data folder's."""
    before = earlier["extra"][INPUTS]
    added = {
        table: sum(file not in before[table] for file in files) for table, files in manifest["extra"][INPUTS].items()
    }
    described = ", ".join(f"{table} ({count:,})" for table, count in added.items() if count)
    if not described:
        return f"{names[1]}: has nothing beyond what {names[0]} was built from: a copy of it"
    return f"files added to {names[0]}: {described}"
