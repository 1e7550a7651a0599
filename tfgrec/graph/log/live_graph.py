"""A graph store and the events that came since, as one graph."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from tfgrec import files
from tfgrec.config.tables import TablesConfig
from tfgrec.errors import InputDataError
from tfgrec.graph.log.event_log import LOG, POSITION, EventLog, EventLogWriter
from tfgrec.graph.log.event_rows import EventRows, ReadRows, joined
from tfgrec.graph.log.overlaid_adjacency import OverlaidAdjacency
from tfgrec.graph.log.overlaid_nodes import OverlaidNodes
from tfgrec.graph.log.overlaid_sums import OverlaidSums
from tfgrec.graph.log.read_write_lock import ReadWriteLock
from tfgrec.graph.rows.edge_rows import ROW_TIME, EdgeRows
from tfgrec.graph.schema import TIME
from tfgrec.graph.store.adjacency import Adjacency, open_adjacency
from tfgrec.graph.store.edge_sums import EdgeSums
from tfgrec.graph.store.graph_store import GraphStore

Rows = Mapping[str, list[Any]] | list[Mapping[str, Any]] | pd.DataFrame | pa.RecordBatch | pa.Table

# Rows of a log that are read together.
_ROWS_AT_ONCE = 1 << 16


class LiveGraph(GraphStore):
    """Reads like a GraphStore that was built with the rows of the log too, derived edges aside.

    Rows are in memory as edges. A log of more than `most_rows` rows takes no more until a store has taken them in.

    Args:
      path: the store's folder.
      manifest: of the store.
      tables: the tables that the store was built from.
      log: where the events are; None for `<path>.log`.
      most_rows: how many rows of events are held, those that wait for their nodes included.
      durable: see EventLogWriter.

    Raises:
      GraphStoreError: the log is damaged, or was cut beyond what the store knows.
    """

    def __init__(
        self,
        path: files.StrPath,
        manifest: dict[str, Any],
        *,
        tables: TablesConfig,
        log: files.StrPath | None = None,
        most_rows: int = 4_000_000,
        durable: bool = True,
    ) -> None:
        super().__init__(path, manifest)
        self._log, self._durable = EventLog(log or f"{os.fspath(path).rstrip(os.sep)}.log"), durable
        self._writer: EventLogWriter | None = None
        self._lock, self._most_rows, self._num_rows = ReadWriteLock(), most_rows, 0
        self._waiting: list[tuple[EdgeRows, pa.RecordBatch]] = []
        self._nodes = {
            name: OverlaidNodes(GraphStore.node_index(self, name), nodes, name)
            for name, nodes in self.schema.stored_node_sets.items()
        }
        self._overlaid: dict[str, OverlaidAdjacency] = {}
        self._overlaid_sums: dict[tuple[str, str], OverlaidSums] = {}
        self._rows = EventRows(tables, self.schema, self._nodes)
        self._position = manifest["extra"].get(LOG, {}).get(POSITION, 0)
        self._seen: tuple[int, ...] = ()
        self.refresh()

    def __reduce__(self) -> tuple:
        raise TypeError("a live graph can't be pickled: open it in each process")

    @classmethod
    def open_live(cls, path: files.StrPath, *, tables: TablesConfig, **options: Any) -> "LiveGraph":
        """Opens the store in folder `path` and its log; `options` are those of the class.

        Raises:
          GraphStoreError: there is no whole store, or the log is damaged.
        """
        return cls(path, GraphStore.open(path).manifest, tables=tables, **options)

    @property
    def waiting_rows(self) -> int:
        """How many rows wait for nodes that they name, counted for each edge set."""
        return sum(rows.num_rows for _, rows in self._waiting)

    def append(self, events: Mapping[str, Rows]) -> int:
        """Appends rows of tables, by the tables' names: all of them or none.

        Returns:
          The position of the log's end: a store built with `--add-to` says up to which position it knows the log.

        Raises:
          InputDataError: a table is unknown, a column is missing, or a row can't be read; or the log is full.
          GraphStoreError: another process writes to the log.
        """
        batches = {table: self._rows.chosen(table, as_batch(rows)) for table, rows in events.items()}
        with self._lock.writing():
            if self._writer is None:
                self._writer = EventLogWriter(self._log.path, durable=self._durable)
            self._catch_up()
            checked = [self._rows.check(table, batch) for table, batch in batches.items()]
            count = sum(batch.num_rows for batch in batches.values())
            if self._num_rows + count > self._most_rows:
                raise InputDataError(
                    f"{self._log.path}: holds {self._num_rows:,} rows of events, at most {self._most_rows:,} are kept: "
                    "build a store that takes them in (python -m beam_jobs.build_graph --add-to ... --log ...)"
                )
            self._position = self._writer.append(batches)
            self._take_in(list(batches.items()), checked)
        return self._position

    def refresh(self) -> None:
        """Takes in what was appended since, by this process or another one.

        Raises:
          GraphStoreError: the log is damaged.
        """
        state = self._log.state()
        if state != self._seen:
            with self._lock.writing():
                self._catch_up()
            # Half a record may lie at the end, which is looked at again once it has changed.
            self._seen = state

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Around what reads the graph: sees all that was appended before, and nothing that comes meanwhile."""
        self.refresh()
        with self._lock.reading():
            yield

    def close(self) -> None:
        """Lets another process write to the log."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def num_nodes(self, node_set: str) -> int:
        """The number of nodes of a node set."""
        return self._nodes[node_set].num_nodes

    def node_index(self, node_set: str) -> OverlaidNodes:
        """The node set's ids."""
        return self._nodes[node_set]

    def adjacency(self, edge_set: str) -> Any:
        """The edges of an edge set: the store's own where it has got no others."""
        overlaid = self._overlaid.get(edge_set)
        return self._stored(edge_set) if overlaid is None else overlaid

    def edge_sums(self, edge_set: str, feature: str) -> Any:
        """Sums of a scalar number of an edge set's edges."""
        key = edge_set, feature
        if key not in self._edge_sums:
            self._edge_sums[key] = EdgeSums(self._stored(edge_set), feature)
        stored = self._edge_sums[key]
        if edge_set not in self._overlaid:
            return stored
        if key not in self._overlaid_sums:
            self._overlaid_sums[key] = OverlaidSums(stored, self._overlaid[edge_set], feature)
        return self._overlaid_sums[key]

    def _catch_up(self) -> None:
        pending: list[tuple[str, pa.RecordBatch]] = []
        taken = self._position
        for table, batch, end in self._log.read(self._position):
            if end > taken and sum(rows.num_rows for _, rows in pending) >= _ROWS_AT_ONCE:
                self._take_in(pending)
                self._position, pending = taken, []
            pending.append((table, self._rows.chosen(table, batch)))
            taken = end
        self._take_in(pending)
        self._position = taken

    def _take_in(self, batches: list[tuple[str, pa.RecordBatch]], read: list[ReadRows] | None = None) -> None:
        """Adds all nodes that rows name, then all edges, those of rows that waited included.

        `read` is what the rows hold as long as they add no node, where it is known.
        """
        if not batches:
            return
        self._num_rows += sum(batch.num_rows for _, batch in batches)
        added = sum(self._rows.add_nodes(table, batch) for table, batch in batches)
        if added:
            self._overlay_new_nodes()
        if read is None or added:
            read = [self._rows.read(table, batch) for table, batch in batches]
        waited, self._waiting = (self._waiting, []) if added else ([], self._waiting)
        read += [self._rows.read_again(rows, batch) for rows, batch in waited]
        self._waiting += [rows for of in read for rows in of.waiting]
        self._add_edges(read)

    def _add_edges(self, read: list[ReadRows]) -> None:
        for name, sources, targets, columns in joined([edges for of in read for edges in of.edges]):
            features = {TIME if key == ROW_TIME else key: column for key, column in columns.items()}
            self._overlay(name).add(sources, targets, features)

    def _overlay_new_nodes(self) -> None:
        """Has all edge sets that leave new nodes know of them: the store's own edges know the store's nodes alone."""
        for name, edge_set in self.schema.stored_edge_sets.items():
            nodes = self._nodes[edge_set.source]
            if nodes.num_nodes > nodes.num_base_nodes:
                self._overlay(name)

    def _overlay(self, name: str) -> OverlaidAdjacency:
        """The edge set with what is added to it, which may be nothing yet."""
        if name not in self._overlaid:
            edge_set = self.schema.edge_sets[name]
            self._overlaid[name] = OverlaidAdjacency(
                self._stored(name),
                self._nodes[edge_set.source].num_base_nodes,
                edge_set,
                self._nodes[edge_set.target].ranks,
            )
        return self._overlaid[name]

    def _stored(self, edge_set: str) -> Adjacency:
        """The store's own edges, whose sources are its own nodes."""
        if edge_set not in self._adjacencies:
            ranges = self._nodes[self.schema.edge_sets[edge_set].source].base_ranges
            self._adjacencies[edge_set] = open_adjacency(
                self.path, edge_set, ranges, self.manifest["shards"], self._described
            )
        return self._adjacencies[edge_set]


def as_batch(rows: Rows) -> pa.RecordBatch:
    """Rows as one record batch: a list of rows, columns by name, a DataFrame, or Arrow's own.

    Raises:
      InputDataError: they are none of these, or a column has values of several types.
    """
    try:
        if isinstance(rows, list):
            rows = pa.Table.from_pylist(rows)
        elif isinstance(rows, pd.DataFrame):
            rows = pa.Table.from_pandas(rows, preserve_index=False)
        elif isinstance(rows, Mapping):
            rows = pa.Table.from_pydict(dict(rows))
        if isinstance(rows, pa.RecordBatch):
            return rows
        if not isinstance(rows, pa.Table):
            raise InputDataError(f"events: expected rows of a table, received {type(rows).__name__}")
        columns = [
            pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type) for column in rows
        ]
        return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)
    except (pa.ArrowException, TypeError) as error:
        raise InputDataError(f"events: {error}") from error
